"""Activity: a value is active if it depends on a differentiated argument, and the result depends on it."""

from transforms.passes import program

from srcdiff.transforms.analysis.activity import active_values, useful_values, varied_values


def named(found):
    return sorted(v.name for v in found)


def all_of(text, wrt=0):
    fn = program(text)
    x = fn.params[wrt]
    return [
        named(g)
        for g in (
            varied_values(fn, [x]),
            useful_values(fn, fn.body.yields),
            active_values(fn, [x], fn.body.yields),
        )
    ]


def test_values_between_the_argument_and_the_result_are_active():
    varied, useful, active = all_of("""
        def f(%x: float64, %y: float64) -> 0 {
          %a: float64 = sin %x
          %b: float64 = sin %y
          %unused: float64 = cos %x
          %s: float64 = multiply %a, %b
          yield %s
        }
    """)
    assert (varied, useful, active) == (
        ["a", "s", "unused", "x"],
        ["a", "b", "s", "x", "y"],
        ["a", "s", "x"],
    )


def test_comparisons_and_integers_end_activity():
    *_, active = all_of("""
        def f(%x: float64, %y: float64) -> 0 {
          %c: bool = greater %x, 0.0
          %s: float64 = if %c {
            yield %y
          } else {
            yield 1.0
          }
          yield %s
        }
    """)
    assert active == []


def test_storage_that_is_written_with_an_active_value_is_active_under_every_name():
    *_, active = all_of("""
        def f(%x: float64[n]) -> 0 {
          %y: float64[n] = zeros_like %x
          %v: float64[n] = index[where='::s'] %y, -1
          %a: float64! = index[where='i'] %x, 0
          store[where='i'] %v, %a, 0
          %z: float64[n] = read %y
          %s: float64! = sum %z
          yield %s
        }
    """)
    assert active == ["a", "s", "v", "x", "y", "z"]


def test_what_reaches_the_result_around_a_loop_is_active():
    fn = program("""
        def f(%x: float64, %n: int64{n}) -> 0 {
          %p: float64, %q: float64 = for 0, %n, 1 with 0.0, %x {
            (%i: int64{i}, %p1: float64, %q1: float64) ->
            yield %q1, %q1
          }
          yield %p
        }
    """)
    assert named(active_values(fn, fn.params[:1], fn.body.yields)) == ["p", "q1", "x"]
