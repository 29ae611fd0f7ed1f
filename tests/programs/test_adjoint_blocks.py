"""`with srcdiff.adjoint(x) as d_x:`: the block runs where the adjoint is complete, once, and nowhere else."""

import contextlib
import io
import pickle
import types
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

import srcdiff
from srcdiff import adjoint

LOG: list[Any] = []
SEEN: dict[str, Any] = {}
ROWS = np.zeros((4, 3))
OUTSIDE = types.SimpleNamespace(norms=[], last=None)


@pytest.fixture(autouse=True)
def _empty() -> None:
    LOG.clear()
    SEEN.clear()
    OUTSIDE.norms.clear()
    ROWS[:] = 0.0


def clipped(x, limit):
    y = x**2
    with adjoint(y) as d_y:
        d_y = np.clip(d_y, -limit, limit)
    return np.sum(y**2)


def test_what_the_block_assigns_takes_the_adjoints_place() -> None:
    x = np.array([0.1, 1.0, 3.0])
    expected = np.clip(2 * x**2, -1.5, 1.5) * 2 * x
    np.testing.assert_allclose(srcdiff.grad(clipped)(x, 1.5), expected)


def test_the_block_is_printed_as_written_behind_a_comment() -> None:
    g = srcdiff.grad(clipped, jit=False)
    source = g.source_for(np.ones(3), 1.5)
    assert "# with adjoint(y) as d_y\n" in source
    assert "d_y = np.clip(2.0 * y, -limit, limit)" in source
    assert source.index("# backward") < source.index("# with adjoint")
    assert "srcdiff" not in source.replace("srcdiff.adjoint", "")


def test_forward_mode_and_values_leave_it_out() -> None:
    x, v = np.array([0.1, 1.0, 3.0]), np.array([1.0, 2.0, 3.0])
    value, tangent = srcdiff.jvp(clipped, (x, 1.5), (v, None))
    assert value == np.sum(x**4)
    np.testing.assert_allclose(tangent, np.sum(4 * x**3 * v))
    assert srcdiff.value_and_grad(clipped)(x, 1.5)[0] == np.sum(x**4)
    value, back = srcdiff.vjp(clipped, x, 1.5, argnums=0)
    assert value == np.sum(x**4)
    np.testing.assert_allclose(back(1.0), srcdiff.grad(clipped)(x, 1.5))


def test_a_plain_call_raises_unless_decorated() -> None:
    x = np.array([0.1, 1.0, 3.0])
    with pytest.raises(srcdiff.DifferentiationError, match=r"Decorate the function"):
        clipped(x, 1.5)
    assert srcdiff.differentiate(clipped)(x, 1.5) == np.sum(x**4)


scale = 2.0


def make(power: int) -> Callable[..., Any]:
    @srcdiff.differentiate
    def f(x, *, shift=1.0):
        y = scale * x**power + shift
        with adjoint(y) as d_y:
            LOG.append(float(d_y))
        with srcdiff.adjoint(y) as d_y:
            d_y = 2.0 * d_y
        return y * y

    return f


def test_plain_calls_keep_globals_closures_defaults_and_lines() -> None:
    f = make(3)
    assert f(2.0) == 17.0**2
    assert f(2.0, shift=0.0) == 16.0**2
    assert not LOG
    assert f.grad(2.0) == 2 * 2 * 17.0 * 24.0
    assert LOG == [
        4 * 17.0
    ]  # behind the second block, in reverse order: the adjoint is doubled already

    @srcdiff.differentiate
    def raises(x):
        y = x * 1.0
        with adjoint(y) as d_y:
            d_y = d_y * 1.0
        raise ValueError("line")

    with pytest.raises(ValueError, match="line") as caught:
        raises(1.0)
    assert caught.traceback[-1].lineno == raises.__wrapped__.__code__.co_firstlineno + 4


class Model:
    def __init__(self) -> None:
        self.limit = 1.5
        self.history: list[float] = []

    @srcdiff.differentiate
    def loss(self, x):
        y = x**2
        with srcdiff.adjoint(y) as d_y:
            self.history.append(np.max(d_y))
            d_y = np.clip(d_y, -self.limit, self.limit)
        return np.sum(y**2)


def test_methods_and_what_they_collect() -> None:
    model = Model()
    x = np.array([0.1, 1.0, 3.0])
    assert model.loss(x) == np.sum(x**4)
    np.testing.assert_allclose(srcdiff.grad(model.loss)(x), np.clip(2 * x**2, -1.5, 1.5) * 2 * x)
    assert model.history == [18.0]


def collected(W, x, n):
    h = x
    for t in range(n):
        h = np.tanh(W @ h)
        with adjoint(h) as d_h:
            norm = np.linalg.norm(d_h)
            if norm > 0.5:
                d_h = 0.5 * d_h / norm
            LOG.append((t, norm))
            ROWS[t, :] = d_h
            SEEN["last"] = d_h
            OUTSIDE.norms.append(norm)
    return np.sum(h**2)


def by_hand(W: Any, x: Any, n: int) -> tuple[Any, list[tuple[int, float]], list[Any]]:
    hs = [x]
    for _ in range(n):
        hs.append(np.tanh(W @ hs[-1]))
    d_h, d_W = 2 * hs[-1], np.zeros_like(W)
    norms, rows = [], []
    for t in reversed(range(n)):
        norm = np.linalg.norm(d_h)
        norms.append((t, norm))
        if norm > 0.5:
            d_h = 0.5 * d_h / norm
        rows.append(d_h.copy())
        d_z = d_h * (1 - hs[t + 1] ** 2)
        d_W += np.outer(d_z, hs[t])
        d_h = W.T @ d_z
    return d_W, norms, rows


def test_each_backward_iteration_runs_the_block_once_and_in_order() -> None:
    W, x = np.eye(3) + 0.1, np.array([1.0, -0.5, 0.3])
    expected, norms, rows = by_hand(W, x, 4)
    np.testing.assert_allclose(srcdiff.grad(collected)(W, x, 4), expected)
    assert [t for t, _ in LOG] == [3, 2, 1, 0]
    np.testing.assert_allclose([n for _, n in LOG], [n for _, n in norms])
    np.testing.assert_allclose(ROWS, rows[::-1])
    np.testing.assert_allclose(SEEN["last"], rows[-1])
    assert len(OUTSIDE.norms) == 4


def test_what_is_collected_belongs_to_the_list() -> None:
    def f(x):
        with adjoint(x) as d_x:
            LOG.append(d_x)
        return np.sum(x**2)

    x = np.arange(3.0)
    found = srcdiff.grad(f)(x)
    found[:] = -1.0
    np.testing.assert_allclose(LOG[0], 2 * np.arange(3.0))


def test_repeated_calls_generate_once_and_collect_each_time() -> None:
    def f(x):
        y = x * 2.0
        with adjoint(y) as d_y:
            LOG.append(d_y)
        return y * y

    g = srcdiff.grad(f)
    for _ in range(3):
        g(1.5)
    assert LOG == [6.0, 6.0, 6.0]
    assert len({id(g.specialise(1.5)) for _ in range(2)}) == 1


def in_place(u, n):
    u = u.copy()
    for _ in range(n):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]) * u[1:-1]
        with adjoint(u) as d_u:
            d_u *= 0.5
    return np.sum(u**2)


def halved(u, n):
    """The same without a block: halving the adjoint is halving the part after it."""
    u = u.copy()
    for _ in range(n):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]) * u[1:-1]
    return np.sum(u**2)


@pytest.mark.parametrize("jit", [False, True])
def test_arrays_written_in_place_have_the_adjoint_of_their_contents_there(jit: bool) -> None:
    u = np.linspace(0.0, 1.0, 6) ** 2
    expected = srcdiff.grad(halved, jit=False)(u, 3) / 8
    np.testing.assert_allclose(srcdiff.grad(in_place, jit=jit)(u, 3), expected)


def test_a_block_of_written_storage_that_assigns_a_new_array() -> None:
    def f(x):
        y = np.zeros(3)
        y[0] = x * x
        y[1] = x
        with adjoint(y) as d_y:
            d_y = np.where(d_y > 1.0, 1.0, d_y)
        y[2] = y[0] * 3.0
        return np.sum(y)

    # behind the block: d_y = [1 + 3, 1, 0] at the block; capped to [1, 1, 0]
    assert srcdiff.grad(f)(2.0) == 2 * 2.0 + 1.0


def test_every_kind_of_statement_runs_compiled() -> None:
    def f(x, limit):
        total = 0.0
        for i in range(len(x)):
            y = np.sin(x[i])
            with adjoint(y) as d_y:
                assert np.isfinite(d_y), "not finite"
                d_y = min(max(d_y, -limit), limit)
            total += y * y
        return total

    x = np.linspace(0.1, 1.5, 5)
    expected = np.clip(2 * np.sin(x), -0.7, 0.7) * np.cos(x)
    np.testing.assert_allclose(srcdiff.grad(f, jit=True)(x, 0.7), expected)
    np.testing.assert_allclose(srcdiff.grad(f, jit=False)(x, 0.7), expected)


def test_prints_and_assertions_run_in_the_backward_part_only() -> None:
    def f(x):
        y = x**2
        with adjoint(y) as d_y:
            print("adjoint", d_y)
            assert d_y < 100.0, f"too large: {d_y}"
        print("value", y)
        return y * y

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        srcdiff.grad(f, jit=False)(2.0)
    assert out.getvalue() == "value 4.0\nadjoint 8.0\n"
    with pytest.raises(AssertionError, match=r"too large: 200.0"):
        srcdiff.grad(f, jit=False)(10.0)


def test_second_derivatives_run_the_block_once() -> None:
    def f(x):
        y = x**2
        with adjoint(y) as d_y:
            LOG.append(d_y.copy())
            d_y = 3.0 * d_y
        return np.sum(y**2)

    x, v = np.array([1.0, 2.0]), np.array([1.0, 0.5])
    np.testing.assert_allclose(srcdiff.hvp(f)(x, v), 3 * 12 * x**2 * v)
    assert len(LOG) == 1
    LOG.clear()
    twice = srcdiff.grad(lambda x: np.sum(x * 1.0), jit=False)
    assert twice(x).tolist() == [1.0, 1.0]
    of_gradient = srcdiff.vjp(srcdiff.grad(f), x)[1](v)[0]
    np.testing.assert_allclose(of_gradient, 3 * 12 * x**2 * v)


def test_a_block_runs_whatever_is_differentiated() -> None:
    def f(a, b):
        y = a * 3.0
        with adjoint(y) as d_y:
            LOG.append(d_y)
        return y * b

    assert srcdiff.grad(f, argnums=1)(2.0, 5.0) == 6.0
    assert LOG == [5.0]

    def unused(a, b):
        y = a * 3.0
        with adjoint(y) as d_y:
            LOG.append(d_y)
        return b

    srcdiff.grad(unused, argnums=1)(2.0, 5.0)
    assert LOG == [5.0, 0.0]


def test_helpers_branches_and_whiles() -> None:
    def helper(z, limit):
        w = np.exp(z)
        with adjoint(w) as d_w:
            d_w = min(d_w, limit)
            LOG.append(d_w)
        return w

    def f(x):
        total = 0.0
        k = 0
        while k < 3:
            if x > k:
                total += helper(x - k, 2.0) ** 2
            k += 1
        return total

    x = 1.5
    expected = sum(min(2 * np.exp(x - k), 2.0) * np.exp(x - k) for k in (0, 1))
    np.testing.assert_allclose(srcdiff.grad(f, jit=False)(x), expected)
    assert LOG == [2.0, 2.0]


def test_masks_loops_and_reshapes_in_a_block() -> None:
    def f(x):
        y = x**2
        with adjoint(y) as d_y:
            d_y[d_y > 2.0] = 2.0
            for i in range(len(d_y)):
                d_y[i] = d_y[i] * (i + 1)
            LOG.append(d_y.reshape(2, 2).sum())
        return np.sum(y**2)

    x = np.arange(4.0)
    d_y = np.minimum(2 * x**2, 2.0) * np.arange(1, 5)
    np.testing.assert_allclose(srcdiff.grad(f, jit=False)(x), d_y * 2 * x)
    assert [np.sum(d_y)] == LOG


def test_elements_that_are_written_one_by_one() -> None:
    def f(x):
        y = np.zeros(3)
        for i in range(3):
            y[i] = x * i
            with adjoint(y) as d_y:
                LOG.append(d_y)
        return y[0] + 2 * y[1] + 3 * y[2]

    assert srcdiff.grad(f, jit=False)(1.0) == 8.0
    assert [d.tolist() for d in LOG] == [[1.0, 2.0, 3.0], [1.0, 2.0, 0.0], [1.0, 0.0, 0.0]]


def check(value: Any) -> None:
    OUTSIDE.last = np.array(value)


def shrink(d: Any) -> None:
    d *= 0.5


def test_calls_for_their_effect() -> None:
    def f(x):
        y = x**2
        with adjoint(y) as d_y:
            check(d_y)
            shrink(d_y)
        return np.sum(y**2)

    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(srcdiff.grad(f)(x), 2 * x**3)
    np.testing.assert_allclose(OUTSIDE.last, 2 * x**2)


def test_compiling_is_refused_where_something_outside_is_reached() -> None:
    def f(x):
        with adjoint(x) as d_x:
            LOG.append(d_x)
        return np.sum(x**2)

    with pytest.raises(srcdiff.UnsupportedError, match=r"uses `LOG`, an object from outside"):
        srcdiff.grad(f, jit=True)(np.arange(3.0))
    np.testing.assert_allclose(srcdiff.grad(f)(np.arange(3.0)), 2 * np.arange(3.0))
    assert len(LOG) == 1


@srcdiff.differentiate
def capped(x):
    y = x * x
    with adjoint(y) as d_y:
        d_y = min(d_y, 1.0)
    return y * y


def test_compiled_code_calls_the_function_and_its_derivative() -> None:
    @numba.njit
    def both(x):
        return capped(x), capped.grad(x)

    assert both(3.0) == (81.0, 6.0)


def test_another_object_under_the_name_is_found() -> None:
    def f(x):
        with adjoint(x) as d_x:
            SINK.append(d_x)
        return x * x

    global SINK
    g = srcdiff.grad(f)
    first = SINK = []
    g(1.0)
    second = SINK = []
    g(2.0)
    assert (first, second) == ([2.0], [4.0])


SINK: list[Any] = []


def test_decorated_functions_with_blocks_pickle() -> None:
    again = pickle.loads(pickle.dumps(DECORATED))
    assert again(2.0) == 4.0 and again.grad(2.0) == 0.0


@srcdiff.differentiate
def DECORATED(x):
    with adjoint(x) as d_x:
        d_x = 0.0  # noqa: F841
    return x * x


# ---- what is refused -----------------------------------------------------------------------------------


def leaves(x):
    with adjoint(x) as d_x:
        return d_x
    return x


def used_before(x):
    y = x**2
    z = y * 2.0
    with adjoint(y) as d_y:
        d_y = d_y * 2.0
    return y + z


def other_name(x):
    y = x**2
    z = y
    with adjoint(y) as d_y:
        d_y = d_y * 2.0
    return y + z


def read_before(x):
    y = x.copy()
    y[0] = 2.0
    s = np.sum(y)
    with adjoint(y) as d_y:
        d_y *= 2.0
    return s + np.sum(y)


def no_name(x):
    with adjoint(x * 2.0) as d_x:
        d_x = d_x * 2.0
    return np.sum(x)


def unnamed(x):
    with adjoint(x):
        pass
    return np.sum(x)


def shape(x):
    with adjoint(x) as d_x:
        d_x = d_x[1:]
    return np.sum(x)


def nothing(x):
    with adjoint(x) as d_x:
        d_x = None  # noqa: F841
    return np.sum(x)


def integers(x):
    k = len(x)
    with adjoint(k) as d_k:
        d_k = 1.0  # noqa: F841
    return np.sum(x) * k


def writes(x):
    y = x * 2.0
    with adjoint(x) as d_x:
        y[0] = d_x[0]
    return np.sum(x * y)


def appends(x):
    ys = [x * 2.0]
    with adjoint(x) as d_x:
        ys.append(d_x)
    return np.sum(ys[0])


def nested(x):
    with adjoint(x) as d_x:
        with adjoint(d_x) as dd_x:
            dd_x = dd_x * 1.0
        d_x = d_x * 1.0
    return np.sum(x)


def two_contexts(x):
    with adjoint(x) as d_x, np.errstate(all="ignore"):
        d_x = d_x * 2.0
    return np.sum(x)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (two_contexts, r"outside of a `with` of its own"),
        (leaves, r"`return` in a block"),
        (
            used_before,
            r"`y` is used before the block of srcdiff.adjoint, or by another name \(line ",
        ),
        (other_name, r"`y` is used before the block"),
        (read_before, r"`y` is used before the block"),
        (no_name, r"takes one name of a number or an array"),
        (unnamed, r"has no name in this block"),
        (shape, r"the block makes `d_x` "),
        (nothing, r"the block makes `d_x` None"),
        (integers, r"`k` is not made of floats"),
        (writes, r"writes into `y`, which is the function's"),
        (appends, r"writes into `ys`, which is the function's"),
        (nested, r"inside another one"),
    ],
)
def test_refused(function: Any, message: str) -> None:
    x = 2.0 if function in (other_name, used_before) else np.arange(3.0)
    with pytest.raises(srcdiff.UnsupportedError, match=message) as caught:
        srcdiff.grad(function, jit=False)(x)
    assert caught.value.advice or function is integers
    assert caught.value.file == __file__
