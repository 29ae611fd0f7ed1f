"""Array operations as loops: small programs, run by Python and compiled, against the array form."""

import numpy as np
import pytest
from fuzz.compare import flat, function_of
from loop_forms import as_python, loop_form
from scipy.linalg import solve_triangular
from transforms.sources import source

import srcdiff
from srcdiff.ir.syntax.printer import to_text

X = np.linspace(-1.0, 1.3, 6)
A = np.arange(12.0).reshape(3, 4) / 7.0 - 0.7
ROWS = np.array([0, 2, 2, -1])


def masked(x):
    y = x * 2.0
    y[y > 0.5] = 0.0
    y[x > 0.0] += x[x > 0.0] ** 2
    return np.sum(y**3)


def masked_rows(a):
    b = a * 1.0
    b[a[:, 0] > -0.5, 1] *= 3.0
    return np.sum(b**2) + np.sum(a[:, a[0] > -0.5] ** 2)


def gathered(a, rows):
    return np.sum(a[rows[:3], rows[:3]] ** 2) + np.sum(a[1, rows] ** 3) + np.sum(a[:, rows] ** 2)


def joined(x):
    parts = np.concatenate([x, x[:2] * 2.0, np.array([1.0, x[0]])])
    return np.sum(parts**2) + np.sum(np.stack([x, x**2], axis=1) ** 2)


def listed(x):
    rows = []
    for i in range(len(x)):
        rows.append(x[i] * x)
    return np.sum(np.stack(rows) ** 2) + np.sum(np.concatenate(rows)) + np.sum(np.array(rows))


def running(a):
    by_rows = np.cumsum(a, axis=0) ** 2
    return np.sum(by_rows) + np.sum(np.cumprod(a + 2.0, axis=1)) + np.sum(np.cumsum(a) ** 2)


def powers(a):
    """There are as many iterations as the initial array has rows."""
    p = np.eye(3)
    for _ in range(3):
        p = p @ a[:, :3]
    return np.sum(p * a[:, 1:])


def as_it_is(x):
    y = np.array([x[0], x[1]])
    z = np.asarray(y)
    y[0] = 5.0 * x[2]
    return z @ z + np.sum(y)


def empty_array(x):
    nothing = np.array([])
    return np.sum(nothing * 2.0) + np.sum(np.concatenate([nothing, x]) ** 2)


def stored_on_two_paths(a):
    """`b - b` is yielded by an inner branch, and by the other path of the outer one."""
    b = a * 1.0
    if a[0, 0] < 0.8:
        if a[0, 1] > 0.3:
            b += np.sin(a)
        b[0] *= 2.0
    b = b - b * b
    b[0] *= b[-1] * 0.9
    return np.sum(b * a)


def view_kept_from_a_branch(x):
    """The backward part needs the contents of a view at the moment of its use."""
    z = np.sin(x)
    s = 0.0
    if x[0] < 2.0:
        s = np.tanh(np.sum(squares(z[::-1])))
    z[0] = np.cos(x[0])
    z *= x
    return s * np.sum(z)


def squares(v):
    return v * v * v


def length_of_one_path(a):
    b = np.zeros_like(a)
    if a[0, 0] < 0.8:
        b[0] += 1.0
        if a[0, 1] < 0.3:
            b[:, ::2] += np.sin(a[:, ::2])
    return np.sum(b * a)


def cleared_after_it_was_read(x, a, k):
    """The adjoint of `b[:2, -1]` is read, as large as two entries are, before it is cleared."""
    b = a * 1.0
    b[:2, -1] = np.tanh(a[:2, 0])
    return np.sum(a[0, k:]) ** 2 + np.sum(np.sin(b)) + np.sum(b[:, -1] * x)


def reversed_view(x):
    """The adjoint of `w` is a view that counts its elements from the other end."""
    z = np.zeros_like(x)
    z[::-1] = np.where(x > 0.2, x * 0.5, np.sin(x[1]))
    w = z[::-1]
    z *= z @ np.tanh(z * x)
    v = w[::2]
    v *= x[2]
    v[1] = x[0]
    if x[0] < 0.5:
        w *= np.sum(squares(0.5 * (w + z)))
    return np.sum(z * z)


def extremes(a):
    highest = a[np.arange(3), np.argmax(a, axis=1)]
    return np.sum(highest) + np.sum(np.max(a, axis=0) * np.argmin(a, axis=0)) + np.ptp(a)


def moved(x):
    spread = np.var(x) + np.std(x) + np.linalg.norm(x)
    return spread + np.sum(np.roll(x, 2) * x) + np.sum(np.tile(x, 2) * np.repeat(x, 2))


def systems(a):
    m = a[:, :3] + 3.0 * np.eye(3)
    z = solve_triangular(m, a[:, 3], lower=True)
    w = np.linalg.solve(m.T, a[:, 1:3])
    return np.sum(z**2) + np.sum(w**2) + np.linalg.det(m) + np.sum(np.linalg.inv(m))


def stacks(a):
    cube = np.stack([a, a + 1.0])
    return np.sum((cube @ a.T) ** 2) + np.sum(cube @ a[0])


def views(x):
    y = np.zeros(6)
    y[::2] += x[:3]
    y[1:4] *= 2.0
    y[-2:] = x[:2]
    return np.sum(y**2 * x[::-1])


def stepped(x, step):
    y = x * 1.0
    y[::step] *= 2.0
    return np.sum(y**2 * x[:1]) + np.sum(x[4:1:-2] ** 2)


def read_before_it_changes(x):
    u, v = x.copy(), 2.0 * x
    s = 0.0
    for _ in range(2):
        q = v[2:] * np.sin(v[2:] - u[:-2])
        u[2:] = 0.2 * q
        s += np.sum(q * (v[1:-1] - np.sin(u[:-2])))
        u, v = v, u
        q = v[2:] * ((v[1:-1] + v[1:-1]) - u[2:])
        u[2:] = 0.2 * q
        s += np.sum(q * u[1:-1])
    return s + np.sum(u**2)


def diagonal_of_what_was_computed(a):
    """It is handed to NumPy whole, and is no place that the later write could reach."""
    K = np.eye(3)
    for i in range(3):
        K[i] += 0.1 * a[i, :3] ** 2
    z = np.linalg.solve(K, np.diag(-0.5 * K))
    K[0] *= 2.0
    return np.sum(z**2) + np.sum(K**2)


def behind_its_loop(x):
    s = 0.0
    for i in range(len(x)):
        s = s + x[i] * i
    return s + x[i] * i


def numbered(x):
    v = np.sin(x) * x
    return np.sum(np.arange(v.size).reshape(v.shape) * v) + np.sum(np.arange(np.size(v)))


def numbered_parts(x, count):
    total = np.sum(np.arange(np.exp(x[x[:, 0] > 0.0]).size) * x[0, 0])
    for i in range(count):
        v = np.sin(x[i:]) * 2.0
        total = total + np.sum(np.arange(v.size) * x[0, 1])
    return total


PROGRAMS = [
    (masked, (X,)),
    (masked_rows, (A,)),
    (gathered, (A, ROWS)),
    (joined, (X,)),
    (listed, (X,)),
    (running, (A,)),
    (reversed_view, (X,)),
    (diagonal_of_what_was_computed, (A,)),
    (length_of_one_path, (A,)),
    (length_of_one_path, (A + 1.0,)),
    (view_kept_from_a_branch, (X,)),
    (stored_on_two_paths, (A,)),
    (stored_on_two_paths, (A + 2.0,)),
    (empty_array, (X,)),
    (as_it_is, (X,)),
    (powers, (A,)),
    (extremes, (A,)),
    (moved, (X,)),
    (systems, (A,)),
    (stacks, (A,)),
    (views, (X,)),
    (stepped, (X, 2)),
    (read_before_it_changes, (X,)),
    (behind_its_loop, (X,)),
    (numbered, (A,)),
    (numbered_parts, (A, 2)),
]


def name(case):
    return getattr(case, "__name__", "")


@pytest.mark.parametrize(("function", "args"), PROGRAMS, ids=name)
def test_loops_give_what_arrays_give(function, args):
    g = srcdiff.value_and_grad(function)
    value, gradient = g(*args)
    found, d_found = as_python(loop_form(g, args))(*args)
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(flat(d_found), flat(gradient), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("function", "args"), PROGRAMS, ids=name)
def test_compiled_loops_give_what_arrays_give(function, args):
    value, gradient = srcdiff.value_and_grad(function)(*args)
    found, d_found = srcdiff.value_and_grad(function, jit=True)(*args)
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(flat(d_found), flat(gradient), rtol=1e-11, atol=1e-12)


def stored_separately(x, n):
    y = np.zeros(6)
    y[:n] = x[0]
    y[n:] = x[1:2]
    return np.sum(y * y * x)


@pytest.mark.parametrize("n", [0, 1, 2, 5, -1])
def test_what_has_one_element_when_it_runs_is_stored_in_all(n):
    value, d = srcdiff.value_and_grad(stored_separately)(X, n)
    found, d_found = srcdiff.value_and_grad(stored_separately, jit=True)(X, n)
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(d_found, d, rtol=1e-11, atol=1e-12)


def chosen(x, keep):
    return np.sum(x[keep] ** 2)


@pytest.mark.parametrize("count", [5, 7])
def test_a_mask_of_another_length_raises(count):
    keep = np.ones(count, dtype=bool)
    for jit in (False, True):
        with pytest.raises(IndexError):
            srcdiff.grad(chosen, jit=jit)(X, keep)


def test_the_extreme_of_nothing_raises():
    def top(x):
        return np.max(x) + np.sum(x)

    for jit in (False, True):
        with pytest.raises(ValueError, match="zero-size array"):
            srcdiff.grad(top, jit=jit)(np.zeros(0))


def test_a_name_that_no_iteration_has_bound_is_not_read():
    with pytest.raises(UnboundLocalError, match="i has no value"):
        srcdiff.grad(behind_its_loop, jit=True)(np.zeros(0))


def test_a_singular_triangle_raises():
    def solved(a, b):
        return np.sum(solve_triangular(a, b, lower=True))

    for jit in (False, True):
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            srcdiff.grad(solved, jit=jit)(np.zeros((3, 3)), np.ones(3))


def test_float32_stays_float32():
    def bumps(x, k):
        return np.sum(np.exp(-k * x**2) * 2.0 / (1.0 + x * x))

    x = X.astype(np.float32)
    g = srcdiff.value_and_grad(bumps, jit=True)
    value, d = g(x, 0.5)
    expected, d_expected = srcdiff.value_and_grad(bumps)(x, 0.5)
    assert d.dtype == d_expected.dtype == np.float32
    assert value == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(d, d_expected, rtol=1e-5, atol=1e-6)
    assert "np.float32(2.0)" in g.loop_source


BESIDE = (
    "np.outer(np.ones(3), x)[1:]", "np.ones((2, 3)) @ x", "np.dot(np.ones(3), x)", "np.convolve(np.ones(2), x)",
    "np.einsum('i,j->ij', np.ones(2), x)", "np.cross(np.ones(3), x)", "np.kron(np.ones(2), x)", "np.ones(3) * x",
)  # fmt: skip


@pytest.mark.parametrize("text", BESIDE)
def test_arrays_of_ones_keep_their_precision_beside_float32(text):
    f = source(f"def f(x):\n    return np.sum(np.sin({text}) * np.ones(1))\n")
    x = np.array([0.3, -1.7, 0.9], np.float32)
    fn = loop_form(srcdiff.value_and_grad(f), (x,))
    assert "np.float32(" not in to_text(fn)


def test_what_a_view_shows_is_computed_before_its_storage_is_written():
    args = np.ones(4), np.arange(16.0).reshape(4, 4) / 7.0 - 0.7, 1
    g = srcdiff.grad(cleared_after_it_was_read, argnums=1)
    expected = g(*args)
    given = g.signature.bind(args, {}, frozenset()).values
    np.testing.assert_allclose(as_python(loop_form(g, args))(*given), expected, rtol=1e-12)


def halved(x):
    """Each iteration writes the array whose views it has copied before."""
    y = x.copy()
    n = len(y)
    while n > 1:
        n //= 2
        tmp = y[: 2 * n].copy()
        y[:n] = tmp[0::2] + tmp[1::2]
        y[n : 2 * n] = tmp[::2] - tmp[1::2]
    return np.sum(np.arange(len(y)) * y**2)


def test_views_of_what_was_read_are_of_that_moment():
    x = np.array([0.3, -1.0, 0.5, 2.0, 0.1, 0.7, -0.4, 1.1])
    options = {"jit": True}, {"jit": False}
    compiled, plain = (srcdiff.jvp(halved, (x,), (x**2,), **o) for o in options)
    np.testing.assert_allclose(compiled, plain, rtol=1e-12)


def numbers_of_arrays_without_axes(x):
    """NumPy gives numbers for these, which compiled code has no array for."""
    total = np.zeros(()) - 0.5 * x[0] ** 2
    total += -0.5 * x[1] ** 2
    return total + np.sin(total) * x[2]


def test_arrays_without_axes_are_put_together_as_numbers():
    compiled, plain = (
        srcdiff.grad(numbers_of_arrays_without_axes, jit=j)(X) for j in (True, False)
    )
    np.testing.assert_allclose(compiled, plain, rtol=1e-12)


def squared_mean_of_two_steps(x, c):
    u, v = x.copy(), x.copy()
    for _ in range(3):
        u, v = v, 2 * v - u + c * v
    return (v**2).mean()


def test_elements_are_counted_without_an_array_of_them():
    a = A.copy()
    compiled, plain = (
        srcdiff.jvp(squared_mean_of_two_steps, (a, 0.1), (a, 1.0), jit=jit) for jit in (True, False)
    )
    np.testing.assert_allclose(compiled, plain, rtol=1e-12)
    source = srcdiff.grad(spread).loop_source_for(X)
    assert source.count("len(x)") >= 2
    assert "len(np" not in source


def spread(x):
    m = np.mean(np.sin(x) ** 2)
    return np.sum(x * m) / m**2


@pytest.mark.parametrize("count", [3, 5])
@pytest.mark.parametrize("turned", ["x @ R.T", "R @ x.T"])
def test_points_are_turned_in_loops(turned, count):
    """A call of BLAS takes new storage, and the readers of the result do not fuse with it."""
    matrix = f"np.cos(np.arange({count**2}.0)).reshape({count}, {count})"
    program = f"def f(x):\n    R = {matrix}\n    return np.sum(({turned}) ** 3)\n"
    x = np.linspace(-1.0, 1.0, 600 * count).reshape(-1, count)
    g = srcdiff.grad(function_of("import numpy as np\n" + program))
    assert (" @ " in g.loop_source_for(x)) == (count > 4)
    np.testing.assert_allclose(as_python(loop_form(g, (x,)))(x), g(x), rtol=1e-10)
