"""Checkpointed loops: the derivative of the plain loop, with few states kept and few iterations run again."""

import linecache
import re
from collections.abc import Callable
from typing import Any

import checkpoint_schedules
import numpy as np
import pytest

import srcdiff

U, V = np.linspace(0.0, 1.0, 6) ** 2, np.array([0.3, 1.0, 0.7])

# the loops that are meant are over RANGE(...)
PROGRAMS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "in_place": (
        """
def f(u, k, n):
    u = u.copy()
    for t in RANGE(n):
        u[1:-1] += k * u[1:-1] * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u**2)
""",
        (U, 0.1),
    ),
    "swapped_buffers": (
        """
def f(u, n):
    u = u.copy()
    v = np.zeros_like(u)
    for t in RANGE(n):
        for i in range(1, len(u) - 1):
            v[i] = np.sin(u[i]) + 0.1 * u[i - 1] * u[i + 1]
        v[0] = u[0]
        v[-1] = u[-1]
        u, v = v, u
    return np.sum(u**2)
""",
        (U,),
    ),
    "several_values": (
        """
def f(x, a, n):
    y = 0.0
    k = 0
    v = np.zeros(3)
    for t in RANGE(n):
        if x > 0.5:
            y = y + np.sin(a * x)
            k += 1
        else:
            y = y * 0.9 - x
        x = np.cos(x * a) + 0.01 * k
        v = v * 0.5 + x
        assert y < 100.0
    return y * x + np.sum(v * v)
""",
        (0.4, 1.3),
    ),
    "in_a_loop": (
        """
def f(x, n):
    total = 0.0
    for m in range(3):
        z = x * (m + 1)
        for t in RANGE(n):
            z = np.sin(z) * 1.3
        total += np.sum(z) * m
    return total
""",
        (V,),
    ),
    "in_a_branch": (
        """
def f(x, n):
    if n > 1:
        for t in RANGE(n):
            x = np.sin(x) * 1.3
    return np.sum(x**2)
""",
        (V,),
    ),
    "loops_inside": (
        """
def f(x, n):
    for t in RANGE(n):
        s = 0.0
        j = 0
        while s < 1.0 and j < 5:
            s = s + np.abs(x[j % 3]) * 0.4
            j += 1
        for q in range(j):
            x = np.sin(x) * s
    return np.sum(x**2)
""",
        (V,),
    ),
    "from_two": (
        """
def f(x, n):
    for t in RANGE(2, n + 2):
        x = np.sin(x * t * 0.2)
    return np.sum(x)
""",
        (V,),
    ),
    "reads_what_is_written_later": (
        """
def f(x, n):
    A = np.zeros(3)
    A[:] = x
    y = x * 1.0
    for t in RANGE(n):
        y = np.sin(y) * A
    A[0] = 5.0
    return np.sum(y * A)
""",
        (V,),
    ),
    "writes_through_views": (
        """
def f(x, n):
    H = np.zeros((2, 3))
    H[0] = x
    h = H[0]
    for t in RANGE(n):
        h[1:] = np.sin(h[:-1]) * x[0]
        H[1] += h
    return np.sum(H**2)
""",
        (V,),
    ),
    "one_in_another": (
        """
def f(x, n):
    for i in RANGE(n):
        for j in RANGE(3):
            x = np.sin(x) * 1.1
    return np.sum(x)
""",
        (V,),
    ),
    "products_with_a_matrix": (
        """
def f(A, x, n):
    for t in RANGE(n):
        x = np.tanh(A @ np.sin(x))
    return np.sum(x)
""",
        (np.eye(3) + 0.1, V),
    ),
    "in_a_helper": (
        """
def step(x, n):
    for t in RANGE(n):
        x = np.sin(x) * 1.1
    return x


def f(x, n):
    return np.sum(step(x, n) * step(2.0 * x, n))
""",
        (V,),
    ),
}


def made(name: str, slots: int, spelling: str) -> Callable[..., Any]:
    """The program with its loops over `spelling`."""
    text = re.sub(r"RANGE\(([^)]*)\)", lambda m: spelling.format(m[1]), PROGRAMS[name][0]).strip()
    file = f"<{name} {slots} {spelling}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"np": np, "checkpointed": srcdiff.checkpointed, "slots": slots}
    exec(compile(text, file, "exec"), namespace)
    return namespace["f"]  # type: ignore[no-any-return]


def both(name: str, slots: int) -> list[Callable[..., Any]]:
    return [made(name, slots, s) for s in ("checkpointed(range({}), slots=slots)", "range({})")]


@pytest.mark.parametrize(
    "slots", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(5, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_gradient_is_exactly_that_of_the_plain_loop(name: str, slots: int) -> None:
    f, plain = both(name, slots)
    g, expected = srcdiff.grad(f, jit=False), srcdiff.grad(plain, jit=False)
    for n in (0, 1, 2, 4, 11):
        args = (*PROGRAMS[name][1], n)
        np.testing.assert_array_equal(g(*args), expected(*args))
        assert f(*args) == plain(*args)
    assert "iterations_to_advance(" in g.source


def test_differences_agree() -> None:
    f, _ = both("in_place", 2)
    direction = np.sin(np.arange(6.0))
    left, right = (f(U + h * direction, 0.1, 9) for h in (1e-5, -1e-5))
    slope = direction @ srcdiff.grad(f, jit=False)(U, 0.1, 9)
    np.testing.assert_allclose(slope, (left - right) / 2e-5, rtol=1e-7)


def test_compiled() -> None:
    name = "several_values"
    f, plain = both(name, 3)
    g, expected = srcdiff.grad(f, jit=True), srcdiff.grad(plain, jit=False)
    for n in (0, 1, 9):
        args = (*PROGRAMS[name][1], n)
        np.testing.assert_allclose(g(*args), expected(*args), rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_compiled(name: str) -> None:
    f, plain = both(name, 3)
    g, expected = srcdiff.grad(f, jit=True), srcdiff.grad(plain, jit=False)
    for n in (0, 1, 9):
        args = (*PROGRAMS[name][1], n)
        np.testing.assert_allclose(g(*args), expected(*args), rtol=1e-12)


# ---- how many iterations are run again, and how many states are kept ---------------------------------------------


class Counting:
    """NumPy with counts of iterations (each has one `np.sin`, and its derivative has none) and of allocated arrays."""

    def __init__(self) -> None:
        self.iterations = 0
        self.shapes: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def sin(self, x: Any) -> Any:
        self.iterations += 1
        return np.sin(x)

    def empty(self, shape: Any, dtype: Any = float) -> Any:
        self.shapes.append(shape)
        return np.empty(shape, dtype=dtype)


def counted(source: str, n: int) -> Counting:
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    namespace["np"] = count = Counting()
    (function,) = (v for k, v in namespace.items() if k.endswith("_grad"))
    function(0.5, n)
    return count


def sine(slots: int) -> Any:
    def f(x, n):
        for _ in srcdiff.checkpointed(range(n), slots=slots):
            x = np.sin(x) * 1.1
        return x

    return srcdiff.grad(f, jit=False)


def advanced(n: int, slots: int) -> int:
    """The iterations that the schedule runs without reversing them at once, and the last one of the forward part."""
    schedule = checkpoint_schedules.Revolve(n, slots)
    total = 1
    for action in schedule:
        if isinstance(action, checkpoint_schedules.Forward) and not action.write_adj_deps:
            total += action.n1 - action.n0
        if isinstance(action, checkpoint_schedules.EndReverse):
            break
    return total


@pytest.mark.parametrize("slots", [1, 2, 3, 5, 8])
def test_as_many_iterations_are_run_again_as_by_the_binomial_schedule(slots: int) -> None:
    source = sine(slots).source_for(0.5, 3)
    for n in (1, 2, 3, 4, 5, 7, 10, 11, 16, 23, 40):
        assert counted(source, n).iterations == advanced(n, slots), n


def test_memory_is_that_of_the_slots_and_the_present_state() -> None:
    count = counted(sine(3).source_for(0.5, 3), 40)
    assert count.shapes == [4, 4]  # the iterations, and the states; a further row is an IndexError


def test_plain_calls_and_forward_mode_are_the_plain_loop() -> None:
    f, plain = both("in_place", 2)
    args = (U, 0.1, 5)
    assert list(srcdiff.checkpointed(range(3), slots=1)) == [0, 1, 2]
    left = srcdiff.jvp(f, args, (U, None, None), jit=False)
    right = srcdiff.jvp(plain, args, (U, None, None), jit=False)
    assert left == right
    np.testing.assert_allclose(
        srcdiff.hvp(f, jit=False)(*args, U), srcdiff.hvp(plain, jit=False)(*args, U), rtol=1e-12
    )


def test_slots_may_be_an_argument() -> None:
    def f(x, n, k):
        for _ in srcdiff.checkpointed(range(n), k):
            x = np.sin(x) * 1.1
        return x

    g = srcdiff.grad(f, jit=False)
    assert g(0.5, 9, 2) == g(0.5, 9, 4) == sine(1)(0.5, 9)
    assert "np.empty(5)" in g.source


def test_a_block_of_an_adjoint_runs_once_an_iteration() -> None:
    norms: list[float] = []

    def f(x, n):
        for _ in srcdiff.checkpointed(range(n), slots=2):
            x = np.sin(x) * 1.1
            with srcdiff.adjoint(x) as d_x:
                norms.append(float(d_x))
                d_x = 0.5 * d_x
        return x

    found = srcdiff.grad(f, jit=False)(0.5, 6)
    assert len(norms) == 6
    np.testing.assert_allclose(found, sine(2)(0.5, 6) / 2**6)


def test_prints_stay_in_the_forward_part(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x, n):
        for i in srcdiff.checkpointed(range(n), slots=1):
            print(i)
            x = np.sin(x)
        return x

    srcdiff.grad(f, jit=False)(0.5, 4)
    assert capsys.readouterr().out.split() == ["0", "1", "2", "3"]


# ---- what is refused ----------------------------------------------------------------------------------------


def no_slots(x, n):
    for _ in srcdiff.checkpointed(range(n), slots=0):
        x = x * x
    return x


def no_range(x, n):
    total = 0.0
    for v in srcdiff.checkpointed([x, x], slots=2):
        total += v
    return total


def no_count(x, n):
    for _ in srcdiff.checkpointed(range(n)):
        x = x * x
    return x


def downwards(x, n):
    for _ in srcdiff.checkpointed(range(n, 0, -1), slots=2):
        x = x * x
    return x


def left_early(x, n):
    for _ in srcdiff.checkpointed(range(n), slots=2):
        x = x * x
        if x > 10.0:
            break
    return x


def a_list(x, n):
    xs = [x]
    for _ in srcdiff.checkpointed(range(n), slots=2):
        xs.append(xs[-1] * x)
    return xs[-1]


def two_names(x, n):
    u = np.ones(3) * x
    v = np.zeros(3)
    for _ in srcdiff.checkpointed(range(n), slots=2):
        v[0] += u[1] * u[0]
        u = v
    return np.sum(u * v)


def overlapping(x, n):
    A = np.ones(4) * x
    u, v = A[1:], A[:-1]
    for _ in srcdiff.checkpointed(range(n), slots=2):
        u[0] = v[1] * x
        u, v = v, u
    return np.sum(A)


def growing(x, n):
    y = np.ones(2) * x
    for _ in srcdiff.checkpointed(range(n), slots=2):
        y = np.concatenate((y, y))
    return np.sum(y)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_slots, "0 slots keep no state"),
        (no_range, "takes a range"),
        (no_count, "takes a range and slots="),
        (downwards, "counts up by 1"),
        (left_early, "cannot be left early"),
        (a_list, "is in a container|in a container"),
        (two_names, "another name of an array|has two names"),
        (overlapping, "another name of an array"),
    ],
)
def test_refused(function: Any, message: str) -> None:
    with pytest.raises(srcdiff.UnsupportedError, match=message) as caught:
        srcdiff.grad(function, jit=False)(1.5, 3)
    assert caught.value.advice
    assert caught.value.file == __file__


def test_lengths_that_change_are_refused_when_that_is_seen() -> None:
    g = srcdiff.grad(growing, jit=False)
    with pytest.raises(ValueError, match="the lengths of y change"):
        g(1.5, 3)
    assert g(1.5, 1) == 4.0  # one iteration starts from one state


def test_plain_calls_check_as_well() -> None:
    with pytest.raises(ValueError, match="slots=0"):
        srcdiff.checkpointed(range(3), slots=0)
    with pytest.raises(TypeError, match="takes a range"):
        srcdiff.checkpointed([1, 2], slots=1)  # type: ignore[arg-type]
