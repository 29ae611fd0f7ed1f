"""Loop fission by stores: innermost loops are split into parts whose iterations do not depend on each other."""

import numpy as np
import pytest
from transforms.passes import changed, check, program, unchanged

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.schedule.fission_by_store import split_nests

X = np.array([0.5, -1.0, 2.0, 0.25])

TEXT = """
def f(%x: float64[n]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %d: float64[n] = zeros_of[type=type(float64[n])] ;compiler
  %e: float64[n] = zeros_of[type=type(float64[n])] ;compiler
  {loops}
  %0: float64[n] = read %d
  %1: float64[n] = read %e
  %2: float64[n] = add %0, %1
  yield %2
}}
"""


def loop(*lines, first=1):
    body = "\n    ".join(lines)
    return f"for {first}, %n, 1 {{\n    (%i: int64{{i}}) ->\n    {body}\n    yield\n  }}"


LOADED = "%a: float64! = index[where='i'] %x, %i"
BEFORE = "%j: int64{i-1} = subtract %i, 1"


def test_two_places_of_one_array_are_written_by_two_loops():
    before = loop(
        LOADED, BEFORE, "add_into[where='i'] %d, %a, %i", "add_into[where='i'] %d, %a, %j"
    )
    first = loop(LOADED, "add_into[where='i'] %d, %a, %i")
    second = loop(
        "%a.1: float64! = index[where='i'] %x, %i.1",
        "%j: int64{i-1} = subtract %i.1, 1",
        "add_into[where='i'] %d, %a.1, %j",
    ).replace("(%i:", "(%i.1:")
    check(
        split_nests,
        TEXT.format(loops=before),
        TEXT.format(loops=f"{first}\n  {second}"),
        X,
    )


def test_a_recurrence_stays():
    """An iteration reads an element that the iteration before has written."""
    lines = (BEFORE, "%b: float64! = index[where='i'] %d, %j", LOADED)
    lines += ("%c: float64! = add %a, %b", "store[where='i'] %d, %c, %i")
    unchanged(split_nests, TEXT.format(loops=loop(*lines)), X)


def test_what_is_read_before_and_behind_the_same_write_stays_with_it():
    """`d[i] += e[i - 1] * e[i]`, `d[i - 1] += 1`, `e[i] = 2`: the write is between the two reads."""
    lines = (BEFORE, "%b: float64! = index[where='i'] %e, %j")
    lines += ("%c: float64! = index[where='i'] %e, %i", "%m: float64! = multiply %b, %c")
    lines += ("add_into[where='i'] %d, %m, %i", "add_into[where='i'] %d, 1.0, %j")
    lines += ("store[where='i'] %e, 2.0, %i",)
    unchanged(split_nests, TEXT.format(loops=loop(*lines)), X)


def test_stores_of_earlier_iterations_come_first():
    """`d[i] += e[i - 1]`, `d[i - 1] += 1`, `e[i] = 2`."""
    lines = (BEFORE, "%b: float64! = index[where='i'] %e, %j", "add_into[where='i'] %d, %b, %i")
    lines += ("add_into[where='i'] %d, 1.0, %j", "store[where='i'] %e, 2.0, %i")
    text = to_text(changed(split_nests, program(TEXT.format(loops=loop(*lines))), X))
    assert text.index("store") < text.index("index[where='i'] %e")


def test_what_one_part_clears_others_have_read_before():
    lines = ("%b: float64! = index[where='i'] %e, %i", BEFORE, "add_into[where='i'] %d, %b, %i")
    lines += ("add_into[where='i'] %d, %b, %j", "store[where='i'] %e, 0.0, %i")
    text = to_text(changed(split_nests, program(TEXT.format(loops=loop(*lines))), X))
    assert text.count("for ") == 2
    assert text.index("store") > text.index("add_into[where='i'] %d, %b.1")


def stencil(u0, k, steps):
    u = u0.copy()
    v = np.zeros_like(u)
    for _ in range(steps):
        for i in range(1, len(u) - 1):
            v[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
        for i in range(1, len(u) - 1):
            u[i] = v[i]
    return np.sum(u**2)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
def test_the_adjoint_of_a_stencil(count):
    u0 = np.cos(np.arange(float(count)))
    value, (d_u, d_k) = srcdiff.value_and_grad(stencil, argnums=(0, 1))(u0, 0.2, 5)
    g = srcdiff.value_and_grad(stencil, argnums=(0, 1), jit=True)
    found, (d_u_found, d_k_found) = g(u0, 0.2, 5)
    np.testing.assert_allclose(found, value, rtol=1e-12)
    np.testing.assert_allclose(d_k_found, d_k, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(d_u_found, d_u, rtol=1e-11, atol=1e-13)


def test_the_way_back_over_rows_counts_by_an_array():
    """LLVM assumes that rows which move down with the iteration overlap with all writes of the iteration."""
    text = srcdiff.value_and_grad(stencil, argnums=(0, 1)).loop_source_for(X, 0.2, 3)
    assert "for t in np.arange(steps - 1, -1, -1):" in text


def layers(weights, state, n):
    """Rows i and i + 1 of a state are changed together, along their first `n` places."""
    s = state.copy()
    for i in range(0, len(s) - 1, 2):
        for j in range(n):
            s[i + 1, j] = s[i + 1, j] * weights[i, j] + s[i, j]
            s[i, j] = np.tanh(s[i + 1, j])
    return np.sum(s**2)


def rows_of_one(weights, state, n):
    s = state.copy()
    for i in range(len(s)):
        for j in range(n):
            s[i, j] = np.tanh(s[i, j] * weights[i, j])
    return np.sum(s**2)


def whole_rows(weights, state, n):
    s = state.copy()
    for i in range(len(s) - 1):
        for j in range(s.shape[1]):
            s[i + 1, j] = s[i + 1, j] * weights[i, j] + s[i, j]
    return np.sum(s**2)


@pytest.mark.parametrize(
    ("function", "by_array"), [(layers, True), (rows_of_one, False), (whole_rows, False)]
)
def test_rows_that_an_iteration_changes_together_are_counted_by_an_array(function, by_array):
    """LLVM assumes that row i + 1 overlaps with row i of a later iteration, unless it knows that rows end before."""
    weights, state = np.full((6, 5), 0.5), np.cos(np.arange(30.0).reshape(6, 5))
    g = srcdiff.value_and_grad(function, argnums=(0, 1))
    forward = g.loop_source_for(weights, state, 4).split("# backward")[0]
    assert ("for i in np.arange(" in forward) == by_array


@pytest.mark.parametrize("rows", [1, 7])
def test_the_rows_that_are_counted_by_an_array(rows):
    weights, state = np.full((rows, 5), 0.5), np.cos(np.arange(5.0 * rows).reshape(rows, 5))
    value, expected = srcdiff.value_and_grad(layers, argnums=(0, 1), jit=False)(weights, state, 4)
    found, gradients = srcdiff.value_and_grad(layers, argnums=(0, 1), jit=True)(weights, state, 4)
    np.testing.assert_allclose(found, value, rtol=1e-12)
    for a, b in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
