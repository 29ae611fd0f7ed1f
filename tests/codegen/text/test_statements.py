import numpy as np
import pytest
from codegen.hand_built import (
    builder,
    function,
    index,
    integer,
    lines,
    passes_on,
    scalar,
    text,
    vector,
)

import srcdiff
from srcdiff.codegen.module.load import load
from srcdiff.codegen.module.module import to_source
from srcdiff.ir.core import Call, For, If, Node, While
from srcdiff.ir.location import Location
from srcdiff.ir.types import BOOL, FLOAT, INT, Dim, Scalar
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.elementwise import arithmetic as ar


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path / "cache"))


def sum_of_squares():
    x, i, s, result = vector("x"), index("i"), scalar("s"), scalar("s")
    b = builder()
    length = b.op(memory.axis_length, x, axis=0)
    inner = b.inner()
    element = inner.op(memory.index, x, i, where="i")
    t = inner.op(ar.multiply, element, element, name="t", user=True)
    after = inner.op(ar.add, s, inner.op(ar.multiply, t, t), name="s", user=True)
    region = inner.region((i, s), (after,))
    b.append(For(const(0), length, const(1), (const(0.0),), region, (result,)))
    return function((x,), b, (result,), doc="Sum.")


def test_a_loop_that_accumulates_reads_as_it_was_written():
    assert to_source(sum_of_squares()) == (
        'def f(x):\n    """Sum."""\n    s = 0.0\n    for i in range(len(x)):\n'
        "        t = x[i] * x[i]\n        s += t * t\n    return s\n"
    )


def test_generated_text_runs():
    f = load(to_source(sum_of_squares()), "f")
    assert f(np.array([1.0, 2.0])) == 17.0


def test_the_text_does_not_depend_on_the_process_or_the_call():
    assert to_source(sum_of_squares()) == to_source(sum_of_squares())


def test_single_uses_are_folded_and_the_user_s_names_stay():
    x, y = scalar("x"), scalar("y")
    b = builder()
    z = b.op(ar.multiply, b.op(ar.add, x, y), const(2.0), name="z", user=True)
    assert lines(text((x, y), b, (b.op(ar.subtract, z, x),))) == [
        "z = (x + y) * 2.0",
        "return z - x",
    ]


def test_what_nothing_needs_is_not_printed():
    x = scalar("x")
    b = builder()
    b.op(ar.multiply, x, x, name="unused", user=True)
    assert lines(text((x,), b, (x,))) == ["return x"]


def test_a_read_is_not_folded_across_a_write():
    x = vector("x")
    b = builder()
    y = b.op(memory.copy, x, name="y", user=True)
    old = b.op(memory.read, y)
    b.ops(memory.store, y, const(0.0), const(0), where="i")
    source = text((x,), b, (b.op(ar.multiply, old, b.op(memory.read, y)),))
    assert lines(source) == ["y = x.copy()", "old_y = y.copy()", "y[0] = 0.0", "return old_y * y"]


def test_an_element_is_not_folded_across_a_write():
    x = vector("x")
    b = builder()
    y = b.op(memory.copy, x, name="y", user=True)
    first = b.op(memory.index, y, const(0), where="i")
    b.ops(memory.store, y, const(0.0), const(0), where="i")
    f = load(text((x,), b, (b.op(ar.multiply, first, first),)), "f")
    assert f(np.array([3.0])) == 9.0


def test_a_quotient_has_the_name_and_not_its_negative():
    x, a, b_ = vector("d_x"), scalar("a"), scalar("b")
    b = builder()
    b.origin = "adjoint"
    y = b.op(memory.copy, x, name="d_y")
    ratio = b.op(ar.divide, a, b_)
    opposite = b.op(ar.negative, ratio)
    b.ops(memory.add_into, y, b.op(ar.multiply, opposite, a), const(0), where="i")
    b.ops(memory.add_into, y, b.op(ar.multiply, opposite, b_), const(1), where="i")
    b.ops(memory.add_into, y, ratio, const(2), where="i")
    assert lines(text((x, a, b_), b, (y,))) == [
        "d_y = d_x.copy()",
        "ratio = a / b",
        "d_y[0] -= ratio * a",
        "d_y[1] -= ratio * b",
        "d_y[2] += ratio",
        "return d_y",
    ]


def test_a_view_that_is_only_written_is_folded_into_the_target():
    x, v = vector("x"), vector("v")
    b = builder()
    y = b.op(memory.zeros_like, x, name="d_x")
    view = b.op(memory.index, y, const(1), where="b:")
    b.ops(memory.add_into, view, b.op(ar.negative, v), where="")
    source = text((x, v), b, (y,))
    assert lines(source) == ["d_x = np.zeros_like(x)", "d_x[1:] -= v", "return d_x"]


def test_an_array_that_is_written_through_a_view_is_made_once():
    x = vector("x")
    b = builder()
    view = b.op(memory.index, b.op(ar.multiply, x, const(2.0)), const(1), where="b:")
    b.ops(memory.store, view, const(3.0), const(0), where="i")
    source = text((x,), b, (b.op(memory.read, view),))
    assert source.count("x * 2.0") == 1


def test_loops_over_sequences_have_no_index():
    x, y, i, s, result = vector("xs"), vector("ys"), index(), scalar("s"), scalar("s")
    b = builder()
    length = b.op(memory.axis_length, x, axis=0)
    inner = b.inner()
    p = inner.op(memory.index, x, i, where="i", name="x", user=True)
    q = inner.op(memory.index, y, i, where="i", name="y", user=True)
    after = inner.op(ar.add, s, inner.op(ar.multiply, p, q), name="s", user=True)
    region = inner.region((i, s), (after,))
    b.append(For(const(0), length, const(1), (const(0.0),), region, (result,), reverse=True))
    assert lines(text((x, y), b, (result,))) == [
        "s = 0.0",
        "for x, y in zip(reversed(xs), reversed(ys)):",
        "    s += x * y",
        "return s",
    ]


def test_elements_are_unpacked_in_the_header_and_unread_parts_are_underscores():
    pairs, i, s, result = Value(_pairs(), "pairs", True), index(), scalar("s"), scalar("s")
    b = builder()
    length = b.op(containers.list_length, pairs)
    inner = b.inner()
    pair = inner.op(containers.list_item, pairs, i)
    a, _ = inner.ops(containers.unpack, pair, names=("a", "b"), user=True)
    after = inner.op(ar.add, s, a, name="s", user=True)
    region = inner.region((i, s), (after,))
    b.append(For(const(0), length, const(1), (const(0.0),), region, (result,)))
    assert lines(text((pairs,), b, (result,)))[1] == "for a, _ in pairs:"


def _pairs():
    from srcdiff.ir.types import List, Struct

    return List(Struct("tuple", (0, 1), (FLOAT, FLOAT)))


def test_a_loop_over_an_index_that_the_user_wrote_stays_one():
    x, i, s, result = vector("x"), index("i"), scalar("s"), scalar("s")
    here, there = (Location("f.py", k, source_line="for i in range(len(x)):") for k in (1, 2))
    b = builder()
    length = b.op(memory.axis_length, x, axis=0)
    inner = b.inner()
    inner.location = there
    y = inner.op(memory.index, x, i, where="i", name="y", user=True)
    after = inner.op(ar.add, s, y, name="s", user=True)
    region = inner.region((i, s), (after,))
    b.append(For(const(0), length, const(1), (const(0.0),), region, (result,), location=here))
    assert lines(text((x,), b, (result,)))[1:3] == ["for i in range(len(x)):", "    y = x[i]"]


def kepler():
    mean, e, tol, before, result = (scalar(k) for k in ("mean", "e", "tol", "E", "E"))
    b = builder()
    inner = b.inner()
    step = inner.op(ar.subtract, before, inner.op(ar.multiply, e, mean), name="step", user=True)
    large = inner.op(ar.greater, step, const(1.0))
    clipped = scalar("step")
    inner.append(If(large, passes_on(const(1.0)), passes_on(step), (clipped,)))
    after = inner.op(ar.subtract, before, clipped, name="E", user=True)
    go = inner.op(ar.not_, inner.op(ar.less, clipped, tol))
    b.append(While((mean,), None, inner.region((before,), (go, after)), (result,)))
    return text((mean, e, tol), b, (result,))


def test_an_exit_at_the_end_of_a_while_is_a_break():
    assert lines(kepler()) == [
        "E = mean",
        "while True:",
        "    step = E - e * mean",
        "    if step > 1.0:",
        "        step = 1.0",
        "    E -= step",
        "    if step < tol:",
        "        break",
        "return E",
    ]


def test_a_break_in_a_branch_stays_there_and_iterations_are_counted_where_they_are_used():
    x, limit, i, s, iterations = vector("x"), scalar("limit"), index("i"), scalar("s"), integer()
    b = builder()
    length = b.op(memory.axis_length, x, axis=0)
    inner = b.inner()
    grown = inner.op(ar.multiply, s, inner.op(memory.index, x, i, where="i"), name="s", user=True)
    then = inner.inner()
    halved = then.op(ar.divide, grown, const(2.0), name="s", user=True)
    go, joined, result = Value(BOOL), scalar("s"), scalar("s")
    condition = inner.op(ar.greater, grown, limit)
    arms = then.region((), (const(False), halved)), passes_on(const(True), grown)
    inner.append(If(condition, *arms, (go, joined)))
    region = inner.region((i, s), (go, joined))
    b.append(
        For(const(0), length, const(1), (const(1.0),), region, (iterations, result), breaks=True)
    )
    source = text((x, limit), b, (b.op(ar.multiply, result, iterations),))
    assert lines(source) == [
        "s = 1.0",
        "iterations = 0",
        "for i in range(len(x)):",
        "    iterations += 1",
        "    s *= x[i]",
        "    if s > limit:",
        "        s /= 2.0",
        "        break",
        "return s * iterations",
    ]


def test_early_returns_need_no_else():
    r, cut, out = scalar("r"), scalar("cut"), Value(FLOAT)
    b = builder()
    far = b.op(ar.greater, r, cut)
    then, orelse = b.inner(), b.inner()
    near = orelse.op(ar.multiply, r, r, name="s", user=True)
    arms = then.region((), (then.op(ar.subtract, r, cut),)), orelse.region((), (near,))
    b.append(If(far, *arms, (out,)))
    assert lines(text((r, cut), b, (out,))) == [
        "if r > cut:",
        "    return r - cut",
        "s = r * r",
        "return s",
    ]


def test_short_branches_without_a_name_are_conditional_expressions():
    x, out = scalar("x"), Value(FLOAT)
    b = builder()
    then = b.inner()
    arms = then.region((), (then.op(ar.multiply, x, x),)), passes_on(const(0.0))
    b.append(If(b.op(ar.greater, x, const(0.0)), *arms, (out,)))
    assert lines(text((x,), b, (b.op(ar.add, out, const(1.0)),))) == [
        "return (x * x if x > 0.0 else 0.0) + 1.0"
    ]


def test_an_empty_first_arm_is_turned_round():
    x, y = scalar("x"), scalar("y")
    b = builder()
    orelse = b.inner()
    doubled = orelse.op(ar.multiply, x, const(2.0), name="x", user=True)
    b.append(
        If(
            b.op(ar.equal, y, const(0.0)),
            passes_on(x),
            orelse.region((), (doubled,)),
            (out := scalar("x"),),
        )
    )
    assert lines(text((x, y), b, (b.op(ar.add, out, y),)))[:2] == ["if y != 0.0:", "    x *= 2.0"]


def test_forward_and_backward_parts_are_marked():
    x = scalar("x")
    b = builder()
    y = b.op(ar.multiply, x, x, name="y", user=True)
    b.origin = "adjoint"
    d = b.op(ar.multiply, y, const(2.0), name="d_y")
    d = b.op(ar.add, b.op(ar.multiply, d, x), const(1.0), name="d_y")
    d_x = b.op(ar.add, b.op(ar.multiply, d, d), d, name="d_x")
    source = text((x,), b, (y, d_x), Node("tuple", (0, 1), (0, 1)))
    assert lines(source) == [
        "# forward",
        "y = x * x",
        "",
        "# backward",
        "d_y = y * 2.0 * x + 1.0",
        "d_x = d_y * d_y + d_y",
        "return y, d_x",
    ]


def test_lengths_are_printed_through_arguments():
    x = vector("x")
    b = builder()
    n = Dim.of("n")
    short = b.op(memory.length, dim=n - 2)
    clamped = b.op(memory.length, dim=(n - 1).clamped())
    assert lines(text((x,), b, (b.op(ar.multiply, short, clamped),))) == [
        "return (len(x) - 2) * max(len(x) - 1, 0)"
    ]


def test_an_argument_that_is_a_length_is_printed_as_itself():
    steps = Value(Scalar("int64", True, Dim.of("steps")), "steps", True)
    b = builder()
    assert lines(text((steps,), b, (b.op(memory.length, dim=Dim.of("steps")),))) == ["return steps"]


def test_helpers_are_defined_before_their_callers():
    y, r, x = scalar("y"), scalar("r"), scalar("x")
    inner = builder()
    step = function((y, r), inner, (inner.op(ar.multiply, r, y),), name="step")
    b = builder()
    b.append(Call(step, (x, const(2.0)), (out := scalar("z"),)))
    source = text((x,), b, (b.op(ar.add, out, x),))
    assert (
        source
        == "def step(y, r):\n    return r * y\n\n\ndef f(x):\n    z = step(x, 2.0)\n    return z + x\n"
    )


def two_calls(first_body, second_body):
    """A function that calls two others of one name."""
    callees = []
    for type_, body in ((FLOAT, first_body), (INT, second_body)):
        y, inner = Value(type_, "y", True), builder()
        callees.append(function((y,), inner, (inner.op(body, y, y),), name="twice"))
    x, k, b = scalar("x"), integer("k"), builder()
    outs = [Value(FLOAT), Value(INT)]
    for callee, argument, out in zip(callees, (x, k), outs, strict=True):
        b.append(Call(callee, (argument,), (out,)))
    return text((x, k), b, (b.op(ar.add, *outs),))


def test_two_versions_of_a_helper_have_two_names():
    source = two_calls(ar.add, ar.multiply)
    assert source.count("def twice(") == 1
    assert source.count("def twice_2(") == 1
    assert load(source, "f")(1.5, 2) == 7.0


def test_versions_of_a_helper_with_equal_text_are_one():
    source = two_calls(ar.add, ar.add)
    assert source.count("def twice") == 1
    assert load(source, "f")(1.5, 2) == 7.0


def test_a_result_whose_name_the_backward_part_needs_is_kept():
    x, es, i, d, out = (
        scalar("x"),
        vector("es"),
        index(),
        scalar("d_x", False),
        scalar("d_x", False),
    )
    b = builder()
    e = b.op(ar.multiply, x, x, name="e", user=True)
    b.origin = "adjoint"
    length = b.op(memory.axis_length, es, axis=0)
    inner = b.inner()
    again = inner.op(memory.index, es, i, where="i", name="e", user=True)
    after = inner.op(ar.add, d, inner.op(ar.multiply, again, again), name="d_x")
    region = inner.region((i, d), (after,))
    b.append(
        For(
            const(0),
            length,
            const(1),
            (const(0.0),),
            region,
            (out,),
            reverse=True,
            origin="adjoint",
        )
    )
    source = text((x, es), b, (e, out), Node("tuple", (0, 1), (0, 1)))
    assert lines(source)[1:3] == ["e = x * x", "value = e"]
    assert "for e in reversed(es):" in source
    assert "return value, d_x" in source


def test_elements_that_are_updated_are_written_so():
    x, k = vector("x"), scalar("k")
    b = builder()
    y = b.op(memory.copy, x, name="y", user=True)
    element = b.op(memory.index, y, const(0), where="i")
    b.ops(memory.store, y, b.op(ar.multiply, element, k), const(0), where="i")
    b.ops(memory.store, y, b.op(ar.divide, b.op(memory.read, y), k), where="")
    assert lines(text((x, k), b, (y,)))[1:3] == ["y[0] *= k", "y /= k"]


def test_a_while_that_asks_first_is_recovered():
    x, out = scalar("x"), scalar("x")
    before, go, after = scalar("x"), Value(BOOL), scalar("x")
    b = builder()
    inner = b.inner()
    large = inner.op(ar.greater, before, const(1.0))
    then = inner.inner()
    halved = then.op(ar.divide, before, const(2.0), name="x", user=True)
    arms = then.region((), (const(True), halved)), passes_on(const(False), before)
    inner.append(If(large, *arms, (go, after)))
    b.append(While((x,), None, inner.region((before,), (go, after)), (out,)))
    assert lines(text((x,), b, (out,))) == ["while x > 1.0:", "    x /= 2.0", "return x"]


def test_a_view_of_a_view_of_what_was_read_before_a_write_is_of_a_copy():
    x, n = vector("x"), integer("n")
    b = builder()
    seen = b.op(memory.read, x)
    summed = b.op(memory.sum_if_one, seen, n, axis=0, type=x.type)
    part = b.op(memory.index, summed, const(3), where="b:")
    b.ops(memory.store, x, const(0.0), where="")
    doubled = b.op(ar.add, part, part, name="doubled")
    source = text([x, n], b, [doubled])
    assert "x.copy()" in source


def test_the_smallest_of_three_is_one_call():
    x, y, z = scalar("x"), scalar("y"), scalar("z")
    b = builder()
    smaller = b.op(ar.minimum, x, y, spelling="min")
    least = b.op(ar.minimum, smaller, z, spelling="min")
    largest = b.op(ar.maximum, x, least, spelling="max")
    assert lines(text((x, y, z), b, (largest,))) == ["return max(x, min(x, y, z))"]


def test_sums_that_the_user_did_not_spell_out_are_added_to():
    def builtin(xs):
        return sum(xs) ** 2

    def spelled(xs):
        total = 0.0
        for x in xs:
            total = total + x
        return total**2

    texts = [srcdiff.value_and_grad(f).source_for([1.0, 2.0]) for f in (builtin, spelled)]
    assert "total += x" in texts[0]
    assert "total = total + x" in texts[1]


def put_between(x):
    xs = []
    for v in x:
        if v > -1.0:
            xs.append(v * v)
    xs[1:3] = [x[0], 2.0]
    return sum(xs)


def test_slices_of_lists_are_assigned_in_loops_that_have_no_counters():
    shown = srcdiff.grad(put_between).source_for(np.ones(3))
    assert "\n    for _ in range(start, n):\n        xs.pop()\n" in shown
    assert "\n    for _ in range(start, n):\n        d_xs.append(0.0)\n" in shown
    assert "while" not in shown and "iterations" not in shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2.0 * np.pi, "2.0 * np.pi"),
        (-np.pi, "-np.pi"),
        (2.0 / np.pi, "2.0 / np.pi"),
        (-0.5 * np.pi, "-(0.5 * np.pi)"),
        (6.0, "6.0"),
        (1.5, "1.5"),
        (np.inf, "np.inf"),
        (np.finfo(float).max, "1.7976931348623157e308"),
        (np.nextafter(2.0 * np.pi, 7.0), "6.283185307179587"),
    ],
)
def test_numbers_that_are_made_of_pi_say_so(value, expected):
    x = scalar("x")
    b = builder()
    result = b.op(ar.add, x, const(float(value)))
    source = to_source(function((x,), b, (result,)))
    returned = source.rpartition("return ")[2].strip()
    assert expected in returned or expected.lstrip("-") in returned, returned
    made = {}
    exec(source, made)
    np.testing.assert_array_equal(next(f for f in made.values() if callable(f))(0.0), value)


def polynomial(x):
    return np.polyval(x[0, 0], x[1])


def test_results_that_a_library_s_function_makes_are_kept_after_it():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    value, back = srcdiff.vjp(polynomial, x, jit=False)
    np.testing.assert_allclose(value, polynomial(x))
    assert back(np.ones((3, 4)))[0].shape == x.shape
