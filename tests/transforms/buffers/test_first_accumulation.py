"""Folding of accumulator initialisation: the first addition to zeros."""

from transforms.passes import check, unchanged

from srcdiff.transforms.buffers.first_accumulation import first_sums

BEFORE = """
    def f(%x: float64[n], %v: float64!) -> 0 {{
      %d: float64[n] = zeros_like %x ;adjoint
      {first}
      add_into[where='i'] %d, %v, 1 ;adjoint
      yield %d
    }}
"""


def first(statement):
    return BEFORE.format(first=statement)


def test_it_is_set():
    before = first("add_into[where='i'] %d, %v, 0 ;adjoint")
    check(first_sums, before, first("store[where='i'] %d, %v, 0 ;adjoint"))


def test_a_part_is_set():
    before = first("add_into[where=':e'] %d, %v, 1 ;adjoint")
    check(first_sums, before, first("store[where=':e'] %d, %v, 1 ;adjoint"))


def test_all_of_it_is_added_to():
    unchanged(first_sums, first("add_into[where=''] %d, %v ;adjoint"))


def test_what_is_read_or_seen_before_is_added_to():
    unchanged(first_sums, first("%r: float64[n] = read %d ;adjoint"))
    unchanged(first_sums, first("%w: float64! = index[where='i'] %d, 0 ;adjoint"))


def test_a_sum_in_a_loop_is_a_sum():
    loop = "for 0, 3, 1 ;adjoint {\n(%i: int64{i}) ->\nadd_into[where='i'] %d, %v, 0 ;adjoint\nyield\n}"
    unchanged(first_sums, first(loop))


def test_the_users_sum_is_a_sum():
    unchanged(first_sums, first("add_into[where='i'] %d, %v, 0"))


PAIR = """
    def f(%v: float64!, %w: float64!) -> 0 {{
      %d: float64[2] = zeros_of[type=type(float64[2])] ;adjoint
      add_into[where='i'] %d, %v, {a} ;adjoint
      add_into[where='i'] %d, %w, {b} ;adjoint
      yield %d
    }}
"""
ARRAY = """
    def f(%v: float64!, %w: float64!) -> 0 {{
      %d: float64[2] = array_of[layout=(2,)] {elements} ;adjoint
      yield %d
    }}
"""


def test_a_short_array_is_made_of_its_elements():
    check(first_sums, PAIR.format(a=0, b=1), ARRAY.format(elements="%v, %w"))
    check(first_sums, PAIR.format(a=-1, b=0), ARRAY.format(elements="%w, %v"))


def test_an_element_that_is_added_to_twice_is_no_element_of_its_own():
    before = PAIR.format(a=1, b=1)
    check(
        first_sums, before, before.replace("add_into[where='i'] %d, %v", "store[where='i'] %d, %v")
    )


def test_what_is_added_to_all_its_elements_comes_on_top():
    third = "add_into[where='i'] %d, %w, 0 ;adjoint"
    before = PAIR.format(a=0, b=1).replace("yield", f"{third}\n      yield")
    after = ARRAY.format(elements="%v, %w").replace("yield", f"{third}\n      yield")
    check(first_sums, before, after)
