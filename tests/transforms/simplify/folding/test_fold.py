"""Constant folding, and operations that change nothing."""

import numpy as np
import pytest

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.folding.fold import fold
from tests.transforms.passes import changed, check, program, unchanged

X = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("add %x, 0.0", "yield %x"),
        ("subtract %x, 0.0", "yield %x"),
        ("multiply 1.0, %x", "yield %x"),
        ("divide %x, 1.0", "yield %x"),
        ("power %x, 1", "yield %x"),
        ("multiply %x, 0.0", "zeros_of"),
        ("subtract 0.0, %x", "negative %x"),
        ("xlogy 1.0, %x", "log %x"),
        ("xlogy 2.5, %x", "multiply 2.5, %"),
    ],
)
def test_generated_arithmetic_is_folded_and_the_users_is_not(line, expected):
    text = f"def f(%x: float64[n]) -> 0 {{\n  %0: float64[n] = {line} ;adjoint\n  yield %0\n}}"
    assert expected in to_text(changed(fold, program(text), X))
    unchanged(fold, text.replace(" ;adjoint", ""), X)


def test_zero_times_a_logarithm_is_left_to_scipy():
    """It is 0 where the number is 0, too, and NaN where that is NaN."""
    text = "def f(%x: float64[n]) -> 0 {\n  %0: float64[n] = xlogy 0.0, %x ;adjoint\n  yield %0\n}"
    unchanged(fold, text, X)


def test_a_number_is_not_broadcast_to_the_shape_of_a_number():
    text = "def f(%x: float64) -> 0 {\n  %0: float64 = broadcast_to %x ;adjoint\n  yield %0\n}"
    assert "yield %x" in to_text(changed(fold, program(text), 1.5))


@pytest.mark.parametrize(
    "text",
    [
        "%0: float64! = sum[axis=-1] %x ;adjoint",
        "%1: float64[n] = multiply %x, %x ;adjoint\n  %0: float64! = sum[axis=-1] %1 ;adjoint",
    ],
)
def test_a_vector_is_summed_whole(text):
    whole = f"def f(%x: float64[n]) -> 0 {{\n  {text}\n  yield %0\n}}"
    assert "axis" not in to_text(changed(fold, program(whole), X))


def test_a_sum_of_sums_is_one():
    text = """
    def f(%x: float64[n, m]) -> 0 {
      %0: float64[n] = sum[axis=1] %x ;adjoint
      %1: float64! = sum %0 ;adjoint
      yield %1
    }
    """
    assert "%1: float64! = sum %x ;" in to_text(changed(fold, program(text), np.ones((2, 3))))


def test_the_exponent_of_a_derivative_becomes_a_constant():
    check(
        lambda fn: dce(fold(fn)),
        """
        def f(%x: float64) -> 0 {
          %0: bool = equal 2, 0 ;adjoint
          %1: int64{1} = subtract 2, 1 ;adjoint
          %2: int64! = where %0, 1, %1 ;adjoint
          %3: float64! = power %x, %2 ;adjoint
          %4: float64! = multiply 2, %3 ;adjoint
          yield %4
        }
        """,
        """
        def f(%x: float64) -> 0 {
          %4: float64! = multiply 2, %x ;adjoint
          yield %4
        }
        """,
        1.5,
    )


def test_zeros_that_get_a_whole_array_start_as_that_array():
    check(
        fold,
        """
        def f(%x: float64[n]) -> 0 {
          %d_x: float64[n] = zeros_like %x ;adjoint
          %0: float64[n] = multiply 2.0, %x ;adjoint
          add_into[where=''] %d_x, %0 ;adjoint
          add_into[where='i'] %d_x, 1.0, 0 ;adjoint
          %1: float64[n] = read %d_x ;adjoint
          yield %1
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %d_x: float64[n] = multiply 2.0, %x ;adjoint
          add_into[where='i'] %d_x, 1.0, 0 ;adjoint
          %0: float64[n] = read %d_x ;adjoint
          yield %0
        }
        """,
        X,
    )


def test_what_somebody_else_holds_is_copied():
    check(
        fold,
        """
        def f(%x: float64[n]) -> 0 {
          %d_x: float64[n] = zeros_like %x ;adjoint
          add_into[where=''] %d_x, %x ;adjoint
          add_into[where='i'] %d_x, 1.0, 0 ;adjoint
          %1: float64[n] = read %d_x ;adjoint
          yield %1
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %d_x: float64[n] = copy %x ;adjoint
          add_into[where='i'] %d_x, 1.0, 0 ;adjoint
          %1: float64[n] = read %d_x ;adjoint
          yield %1
        }
        """,
        X,
    )


def test_zeros_that_were_read_before_stay():
    unchanged(
        fold,
        """
        def f(%x: float64[n]) -> 0 {
          %d: float64[n] = zeros_like %x ;adjoint
          %0: float64[n] = read %d ;adjoint
          add_into[where=''] %d, %x ;adjoint
          %1: float64[n] = read %d ;adjoint
          %2: float64[n] = add %0, %1 ;adjoint
          yield %2
        }
        """,
        X,
    )


def test_clearing_and_adding_at_one_index_is_storing():
    check(
        fold,
        """
        def f(%x: float64[n]) -> 0 {
          %d: float64[n] = copy %x ;adjoint
          store[where='i'] %d, 0.0, 1 ;adjoint
          add_into[where='i'] %d, 5.0, 1 ;adjoint
          %1: float64[n] = read %d ;adjoint
          yield %1
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %d: float64[n] = copy %x ;adjoint
          store[where='i'] %d, 5.0, 1 ;adjoint
          %1: float64[n] = read %d ;adjoint
          yield %1
        }
        """,
        X,
    )


def test_zeros_like_zeros_like_a_list_are_zeros_like_that_list():
    check(
        fold,
        """
        def f(%xs: list of float64) -> 0 {
          %d: list of float64 = zeros_like_list[type=type(list of float64)] %xs ;adjoint
          list_add %d, 0, 1.0 ;adjoint
          %e: list of float64 = zeros_like_list[type=type(list of float64)] %d ;adjoint
          yield %e
        }
        """,
        """
        def f(%xs: list of float64) -> 0 {
          %d: list of float64 = zeros_like_list[type=type(list of float64)] %xs ;adjoint
          list_add %d, 0, 1.0 ;adjoint
          %e: list of float64 = zeros_like_list[type=type(list of float64)] %xs ;adjoint
          yield %e
        }
        """,
        [1.0, 2.0],
    )


def test_zeros_like_a_list_that_something_was_taken_off_are_as_many_as_are_left():
    unchanged(
        fold,
        """
        def f(%xs: list of float64) -> 0 {
          %d: list of float64 = zeros_like_list[type=type(list of float64)] %xs ;adjoint
          %last: float64 = list_pop %d ;adjoint
          %e: list of float64 = zeros_like_list[type=type(list of float64)] %d ;adjoint
          yield %e
        }
        """,
        [1.0, 2.0],
    )


def test_known_branches_and_loops_without_iterations_go():
    check(
        fold,
        """
        def f(%x: float64) -> 0 {
          %a: float64 = if True {
            %s: float64 = multiply %x, 3.0
            yield %s
          } else {
            yield 0.0
          }
          %b: float64 = for 2, 2, 1 with %a {
            (%i: int64, %p: float64) ->
            %q: float64 = add %p, 1.0
            yield %q
          }
          yield %b
        }
        """,
        """
        def f(%x: float64) -> 0 {
          %s: float64 = multiply %x, 3.0
          yield %s
        }
        """,
        1.5,
    )


def test_parts_of_a_container_made_before_are_those_parts():
    check(
        lambda fn: dce(fold(fn)),
        """
        def f(%x: float64, %y: float64) -> 0 {
          %t: tuple(0: float64, 1: float64) = pack[keys=(0, 1), kind='tuple'] %x, %y
          %0: float64 = get[key=1] %t
          %a: float64, %b: float64 = unpack %t
          %1: float64 = add %0, %a
          yield %1
        }
        """,
        """
        def f(%x: float64, %y: float64) -> 0 {
          %1: float64 = add %y, %x
          yield %1
        }
        """,
        1.5,
        2.5,
    )


ADDS = """
    def f(%x: float64[n]) -> 0 {{
      %d: float64[n] = copy %x ;adjoint
      add_into[where='i'] %d, 2.0, 1 ;adjoint
      {between}
      add_into[where='i'] %d, 5.0, 1 ;adjoint
      %1: float64[n] = read %d ;adjoint
      yield %1
    }}
"""


def test_additions_at_one_index_are_joined_over_other_additions():
    between = "add_into[where='i'] %d, 3.0, 0 ;adjoint"
    text = to_text(changed(fold, program(ADDS.format(between=between)), X))
    assert text.count("add_into") == 2


def test_additions_are_not_joined_over_a_read():
    unchanged(fold, ADDS.format(between="%0: float64[n] = read %d ;adjoint"), X)


def test_a_constant_is_not_saved():
    before = """
    def f(%x: float64[n]) -> 0 {
      for 0, 3, 1 pair=1 {
        (%i: int64{i}) ->
        %m: int64{2} = axis_length[axis=0] %x
        save[slot=1] %m ;compiler
        yield
      }
      %d: float64[n] = zeros_like %x ;adjoint
      for 0, 3, 1 reverse pair=1 ;adjoint {
        (%j: int64{j}) ->
        %k: int64{2} = restore[slot=1, type=type(int64{2})] ;adjoint
        %0: float64[n] = multiply %k, %x ;adjoint
        add_into[where=''] %d, %0 ;adjoint
        yield
      }
      yield %d
    }
    """
    text = to_text(changed(fold, program(before), X[:2]))
    assert "save" not in text and "restore" not in text and "multiply 2, %x" in text


@pytest.mark.parametrize(("length", "expected"), [(3, "yield %x"), (1, "keepdims=True")])
def test_a_sum_that_was_left_to_the_run_is_decided_by_a_known_length(length, expected):
    text = f"""
    def f(%x: float64[3]) -> 0 {{
      %0: float64[{length}] = sum_if_one[axis=0, type=type(float64[{length}])] %x, {length} ;adjoint
      yield %0
    }}
    """
    assert expected in to_text(changed(fold, program(text), X))


def test_a_copy_that_a_pass_made_of_a_users_result_is_that_result():
    text = """
        def f(%x: float64[n]) -> 0 {{
          %0: float64[n] = exp %x
          %y: float64[n] = copy %0{origin}
          store[where='i'] %y, 1.0, 0
          yield %y
        }}
    """
    assert "copy" not in to_text(
        changed(fold, program(text.format(origin=" ;compiler")), np.ones(3))
    )
    assert "copy" in to_text(changed(fold, program(text.format(origin="")), np.ones(3)))


def test_a_copy_of_a_users_result_with_another_use_stays():
    text = """
        def f(%x: float64[n]) -> 0 {
          %0: float64[n] = exp %x
          %y: float64[n] = copy %0 ;compiler
          store[where='i'] %y, 1.0, 0
          %z: float64[n] = multiply %0, 2.0
          %w: float64[n] = read %y
          %s: float64[n] = add %w, %z
          yield %s
        }
    """
    assert "copy" in to_text(changed(fold, program(text), np.ones(3)))


@pytest.mark.parametrize(
    ("axis", "left", "right", "expected"),
    [(0, "%x", "%k", "subtract %x, %v"), (0, "%k", "%x", "subtract %v, %x"), (0, "%k", "%v", "subtract %k, %v")],
)  # fmt: skip
def test_an_axis_in_front_that_broadcasting_puts_there_is_not_needed(axis, left, right, expected):
    text = f"""
        def f(%x: float64[n, m], %v: float64[m]) -> 0 {{
          %k: float64[1, m] = expand_dims[axis={axis}] %v ;adjoint
          %s: float64[{"n" if "%x" in (left, right) else "1"}, m] = subtract {left}, {right} ;adjoint
          yield %s
        }}
    """
    new = to_text(changed(fold, program(text), np.ones((2, 3)), np.arange(3.0)))
    assert expected in new


COPIED = """
    def f(%x: float64[n]) -> 0 {{
      %y: float64[n] = exp %x
      %c: float64[n] = copy %y ;adjoint
      {more}
      yield {result}
    }}
"""


def test_a_copy_that_is_only_read_is_what_it_is_a_copy_of():
    def after(more, result):
        return to_text(changed(fold, program(COPIED.format(more=more, result=result)), np.ones(3)))

    assert "copy" not in after("%s: float64[n] = add %c, %y", "%s")
    assert "copy" in after("store[where='i'] %c, 1.0, 0\n %r: float64[n] = read %c", "%r")
    assert "copy" in after("store[where='i'] %y, 1.0, 0\n %s: float64[n] = exp %c", "%s")
    assert "copy" in after("", "%c")  # the caller may write into it
    assert "copy" in after("%r: float64[n] = read %c", "%r")


def test_the_users_own_constant_is_known_where_it_is_compared():
    check(
        fold,
        """
        def f(%x': float64) -> 0 {
          %0: float64 = divide 1.0, 3.0
          %1: bool = equal %0, 0 ;adjoint
          %2: float64 = choose %1, 1.0, %x ;adjoint
          %3: float64 = power %2, %0 ;adjoint
          yield %3
        }
        """,
        """
        def f(%x': float64) -> 0 {
          %0: float64 = divide 1.0, 3.0
          %1: float64 = power %x, %0 ;adjoint
          yield %1
        }
        """,
        2.0,
    )


def test_arrays_added_to_zeros_are_a_sum():
    text = to_text(
        changed(
            fold,
            program("""
        def f(%x: float64[n], %y: float64[n]) -> 0 {
          %d: float64[n] = zeros_like %x ;adjoint
          add_into[where=''] %d, %x ;adjoint
          add_into[where=''] %d, %y ;adjoint
          add_into[where=''] %d, %x ;adjoint
          store[where='i'] %d, 0.0, 0 ;adjoint
          yield %d
        }
        """),
            np.array([1.0, 2.0]),
            np.array([0.5, 4.0]),
        )
    )
    assert text.count(" = add ") == 2 and "add_into" not in text and "copy" not in text


def test_what_a_branch_yields_of_its_condition_is_the_condition():
    text = """
    def f(%x: float64[n]) -> 0 {
      %0: float64 = index[where='i'] %x, 0
      %c: bool = greater %0, 1.0
      %d: bool = if %c {
        yield True
      } else {
        yield %c
      }
      %e: bool = if %d {
        yield %d
      } else {
        yield False
      }
      yield %e
    }
    """
    assert to_text(dce(changed(fold, program(text), X))).count("if ") == 0
    unchanged(fold, text.replace("yield True", "yield False").replace("yield %d", "yield %c"), X)


@pytest.mark.parametrize(
    ("product", "written"),
    [
        ("%p: float64[n, k] = multiply %s, %x ;adjoint", "sum[axis=0, keepdims=False] %x"),
        (
            "%q: float64[n, k] = multiply %s, %x ;adjoint\n"
            "          %p: float64[n, k] = divide %q, %y ;adjoint",
            "divide %x, %y",
        ),
    ],
)
def test_a_number_is_taken_out_of_a_sum(product, written):
    text = to_text(
        changed(
            lambda fn: dce(fold(fn)),
            program(f"""
        def f(%s: float64, %x: float64[n, k], %y: float64[n, k]) -> 0 {{
          {product}
          %t: float64[k] = sum[axis=0, keepdims=False] %p ;adjoint
          yield %t
        }}
        """),
            0.7,
            np.array([[1.0, 2.0], [3.0, 4.0]]),
            np.array([[0.5, 4.0], [2.0, 1.0]]),
        )
    )
    assert (
        written in text
        and text.count(" = multiply") == 1
        and text.index(" = sum") < text.rindex(" = multiply")
    )


def test_an_array_that_is_not_in_all_of_the_sum_stays_there():
    unchanged(
        fold,
        """
        def f(%s: float64[k], %x: float64[n, k]) -> 0 {
          %p: float64[n, k] = multiply %s, %x ;adjoint
          %t: float64 = sum[axis=None, keepdims=False] %p ;adjoint
          yield %t
        }
        """,
        np.array([0.5, 4.0]),
        np.array([[1.0, 2.0], [3.0, 4.0]]),
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("float64 = log 1.0", "yield 0.0"),
        ("float64 = log 2.0", "log 2.0"),
        ("float64 = sqrt 4.0", "yield 2.0"),
        ("bool = bitwise_or False, True", "yield True"),
        ("bool = bitwise_and False, True", "yield False"),
    ],
)
def test_functions_of_constants_that_are_whole(line, expected):
    text = f"def f() -> 0 {{\n  %0: {line} ;compiler\n  yield %0\n}}"
    assert expected in to_text(fold(program(text)))


@pytest.mark.parametrize(
    ("forward", "backward", "argument"),
    [
        ("for 0, %c, 1 pair=1 {{\n (%i: int64) -> {} }}", "for 0, 0, 1 reverse pair=1 {{\n (%j: int64) -> {} }}", 0),
        ("if %c {{ {} }} else {{\n yield\n }}", "if False {{ {} }} else {{\n yield\n }}", False),
    ],
)  # fmt: skip
def test_nothing_is_saved_for_a_region_that_is_left_out(forward, backward, argument):
    """The user's region stays where only its type shows that it does not run; its mirror image is gone."""
    save = forward.format("\n save[slot=1] %y ;compiler\n yield\n")
    restore = backward.format(
        "\n %w: float64[n] = restore[slot=1, type=type(float64[n])] ;adjoint"
        "\n add_into %d, %w ;adjoint\n yield\n"
    )
    type_ = "bool" if argument is False else "int64{0}"
    text = f"""
    def f(%x: float64[n], %y: float64[n], %c: {type_}) -> 0 {{
      {save}
      %d: float64[n] = zeros_like %x ;adjoint
      {restore}
      yield %d
    }}
    """
    assert "save" not in to_text(changed(fold, program(text), X, X, argument))
