"""Sparse Jacobians and Hessians: patterns, colours and values."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
from ops import sample_programs

import srcdiff
from srcdiff.compile.arguments.pytree import is_float_leaf, leaves
from srcdiff.compile.derivations.kinds import Value
from srcdiff.handles.differentiable import generated
from srcdiff.options import Options
from srcdiff.sparsity.colouring import coloured, coloured_symmetric
from srcdiff.sparsity.index_sets import IndexSets
from srcdiff.sparsity.patterns import pattern_of


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def flat(tree):
    parts = [np.ravel(leaf).astype(float) for leaf in leaves(tree) if is_float_leaf(leaf)]
    return np.concatenate([np.zeros(0), *parts])


def differences(f, args, wrt):
    """The Jacobian by central differences, a column for each float in the arguments at `wrt`."""
    columns = []
    for k in wrt:
        for i in range(np.size(args[k])):
            ends = []
            for step in (1e-5, -1e-5):
                moved = np.array(args[k], dtype=float)
                moved.reshape(-1)[i] += step
                own = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
                own[k] = moved if np.ndim(args[k]) else float(moved)
                ends.append(flat(f(*own)))
            columns.append((ends[0] - ends[1]) / 2e-5)
    return np.stack(columns, axis=1) if columns else np.zeros((len(flat(f(*args))), 0))


def check(f, *args, wrt=(0,), entries=None, **options):
    """The values against differences; the number of entries where it is known."""
    J = srcdiff.sparse_jacobian(f, argnums=wrt, jit=False, **options)
    found = J(*args)
    assert isinstance(found, scipy.sparse.csr_array)
    np.testing.assert_allclose(found.toarray(), differences(f, args, wrt), rtol=1e-6, atol=1e-7)
    if entries is not None:
        assert found.nnz == entries
    return J


# ---- patterns --------------------------------------------------------------------------------------


def neighbours(x):
    return x[1:] * x[:-1] ** 2


def in_a_loop(x):
    out = np.empty(len(x) - 1)
    for i in range(len(x) - 1):
        out[i] = 100 * (x[i + 1] - x[i] ** 2) + np.sin(x[i])
    return out


def sums_so_far(x):
    found, total = [], 0.0
    for v in x:
        total += v * v
        found.append(total)
    return np.array(found)


def helper(a, b):
    return np.exp(a) * b, a


def with_calls(x):
    y, z = helper(x[:3], x[3:6])
    parts = {"y": y, "n": 3, "z": z}
    return parts["y"] * parts["z"][::-1]


def overwritten(x):
    y = np.zeros(4)
    y[:2] = x[:2]
    y[1] = 3.0
    y[2:] += x[1:3]
    view = y[1:3]
    view *= x[3]
    return y


def matrices(x):
    A = x.reshape(3, 2, 2)
    return np.linalg.inv(A + 3.0 * np.eye(2)) @ A[:, :, :1]


def rows_of_sums(x):
    A = x.reshape(3, 4)
    return np.sum(A**2, axis=1) + A[:, 1]


def moved(x):
    return np.convolve(x, np.array([1.0, -2.0, 1.0]), mode="same")


@pytest.mark.parametrize(
    ("f", "size", "entries", "products"),
    [
        (neighbours, 8, 14, 2),
        (in_a_loop, 8, 14, 2),
        (sums_so_far, 6, 21, 6),
        (with_calls, 6, 8, 2),
        (overwritten, 4, 5, 2),
        (matrices, 12, 24, 2),
        (rows_of_sums, 12, 12, 1),
        (moved, 9, 25, 3),
        (lambda x: np.where(x > 0, x**2, 3 * x), 7, 7, 1),
        (lambda x: np.concatenate((x[::-1], np.roll(x, 2))) * x[0], 5, 18, 2),
        (lambda x: np.einsum("ij,j->i", x.reshape(2, 3), x[:3] ** 2), 6, 9, 2),
        (lambda x: np.cumsum(x.reshape(2, 3), axis=1), 6, 12, 3),
        (lambda x: np.cross(x.reshape(2, 3), np.arange(3.0)), 6, None, 3),
        (lambda x: (x[0] * x[1], {"a": x[2:], "n": 3}), 5, 5, 1),
        (lambda x: np.sum(x * np.sin(x)), 6, 6, 1),
    ],
)
def test_values_and_numbers_of_entries_and_products(f, size, entries, products):
    x = random(size)
    J = check(f, x, entries=entries)
    assert J.colours(x) == products


def test_columns_are_those_of_the_arguments_in_order():
    def outer(a, b, c):
        return a[:, None] * b * c

    args = random(2), random(3, seed=1), 0.5
    check(outer, *args, wrt=(1, 2, 0), entries=18)
    check(outer, *args, wrt=("a",) and (0,), entries=6)


def test_indices_are_part_of_what_a_pattern_is_for():
    def picked(x, at):
        return x[at] * x[0]

    J = srcdiff.sparse_jacobian(picked, jit=False)
    x = random(5)
    for at in (np.array([1, 2]), np.array([3, 3]), np.array([1, 2])):
        found = J(x, at).toarray()
        np.testing.assert_allclose(found, differences(picked, (x, at), (0,)), atol=1e-7)
    assert len(J.plans) == 2


def test_places_named_twice_add_up():
    def scattered(x, at):
        out = np.zeros(6)
        np.add.at(out, at, x**2)
        return out

    check(scattered, random(8), np.array([3, 4, 4, 1, 1, 1, 5, 0]), entries=8)


# ---- what floats decide ----------------------------------------------------------------------------


def bent(x):
    y = x.copy()
    for i in range(len(x)):
        if x[i] > 0:
            y[i] = x[i] * x[(i + 1) % len(x)]
    return y


def ordered(x):
    return np.sort(x) * x[0]


def halved(x):
    while x[0] > 1.0:
        x = np.roll(x, 1) * 0.5
    return x


def positive(x):
    return x[x > 0.0] ** 2 + x[0]


def through_integers(x):
    at = np.zeros(2, dtype=int)
    at[0] = int(np.argmax(x))
    return x[at]


@pytest.mark.parametrize("f", [bent, ordered, halved, positive, through_integers])
def test_patterns_are_found_anew_where_floats_decide(f):
    J = srcdiff.sparse_jacobian(f, jit=False)
    for seed in range(4):
        x = 3.0 * random(5, seed=seed)
        np.testing.assert_allclose(J(x).toarray(), differences(f, (x,), (0,)), rtol=1e-6, atol=1e-7)
    assert not any(plan.is_lasting for plan in J.plans.values())


@pytest.mark.parametrize("f", [neighbours, in_a_loop, sums_so_far, with_calls, overwritten])
def test_patterns_are_found_once_where_they_do_not(f):
    J = srcdiff.sparse_jacobian(f, jit=False)
    J(random(6))
    (plan,) = J.plans.values()
    assert plan.is_lasting
    J(random(6, seed=1))
    assert [*J.plans.values()] == [plan]


def test_integers_from_outside_are_looked_at():
    places = np.array([0, 1])

    def picked(x):
        return x[places] ** 2

    J = srcdiff.sparse_jacobian(picked, jit=False)
    x = random(4)
    assert J(x).indices.tolist() == [0, 1]
    places[1] = 3
    assert J(x).indices.tolist() == [0, 3]


# ---- every operation -------------------------------------------------------------------------------

CASES = [
    c
    for c in sample_programs.cases([*sample_programs.operations(), *sample_programs.composites()])
    if c.is_smooth and not any(map(np.iscomplexobj, c.values()))  # of which there are no patterns
]


def check_pattern(case):
    """No entry is missing that differences have."""
    wrt = [k for k in case.sample.wrt if not isinstance(case.values()[k], list)]
    args = [float(v) if k in wrt and type(v) is int else v for k, v in enumerate(case.values())]
    fn, values = generated(Value(), case.program, Options(jit=False)).program_for(*args)
    found = pattern_of(fn, values, wrt).toarray()
    dense = differences(case.program, args, wrt)
    if not len(dense):  # integers, of which there is no Jacobian
        return
    assert found.shape == dense.shape
    assert not ((np.abs(dense) > 1e-6) & ~found).any()


FIRST = [c for c in CASES if c.number == 0]
FURTHER = [c for c in CASES if c.number]


@pytest.mark.long
def test_no_entry_of_an_operation_is_missing():
    for case in FIRST[::8]:
        sample_programs.quietly(check_pattern, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", [*FIRST, *FURTHER], ids=lambda c: c.label)
def test_no_entry_of_any_sample_is_missing(case):
    sample_programs.quietly(check_pattern, case)


def test_a_rule_of_the_user_s_is_taken_to_use_all():
    def turned(a):
        return a[::-1] ** 2

    @srcdiff.rule(turned)
    def turned_rule(a, *, out, d_out):
        d_a = 2.0 * a * d_out[::-1]  # noqa: F841  read as text

    J = srcdiff.sparse_jacobian(lambda x: turned(x[:3]) + x[1:], mode="reverse", jit=False)
    x = random(4)
    assert J(x).nnz == 10
    np.testing.assert_allclose(
        J(x).toarray(), differences(lambda x: x[2::-1] ** 2 + x[1:], (x,), (0,)), atol=1e-7
    )


# ---- Hessians --------------------------------------------------------------------------------------


def rosenbrock(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def arrow(x):
    return np.sum((x[1:] - x[0]) ** 2 * np.exp(x[1:])) + np.sum(x[2:] * x[1:-1])


def two_groups(a, b):
    return np.sum(np.exp(a[:, None] * b) * np.sin(a)[:, None])


@pytest.mark.parametrize(
    ("f", "products"), [(rosenbrock, 3), (arrow, 4), (lambda x: np.sum(x**3), 1)]
)
def test_hessians(f, products):
    x = random(12)
    H = srcdiff.sparse_hessian(f, jit=False)
    found = H(x)
    np.testing.assert_allclose(found.toarray(), srcdiff.hessian(f, jit=False)(x), rtol=1e-13)
    assert H.colours(x) == products


def test_hessian_of_two_arguments_is_one_matrix():
    a, b = random(4), random(2, seed=1)
    found = srcdiff.sparse_hessian(two_groups, argnums=(0, 1), jit=False)(a, b).toarray()
    blocks = srcdiff.hessian(two_groups, argnums=(0, 1), jit=False)(a, b)
    np.testing.assert_allclose(found, np.block([list(row) for row in blocks]), rtol=1e-12)


# ---- colours ---------------------------------------------------------------------------------------


def test_columns_of_a_colour_share_no_row():
    rng = np.random.default_rng(3)
    for density in (0.02, 0.1, 0.4):
        pattern = scipy.sparse.random_array((60, 40), density=density, rng=rng, format="csr") != 0
        colours = coloured(scipy.sparse.csr_array(pattern))
        for colour in range(colours.max() + 1):
            assert pattern.toarray()[:, colours == colour].sum(axis=1).max() <= 1


def test_a_banded_matrix_needs_as_many_colours_as_its_band_is_wide():
    band = np.abs(np.subtract.outer(np.arange(30), np.arange(30))) < 2
    assert coloured(scipy.sparse.csr_array(band)).max() == 2


def test_a_full_row_does_not_separate_the_columns_of_a_symmetric_matrix():
    pattern = np.eye(50, dtype=bool)
    pattern[0] = pattern[:, 0] = True
    colours, alone = coloured_symmetric(scipy.sparse.csr_array(pattern))
    assert colours.max() == 1
    assert alone.tolist() == [True] + [False] * 49


# ---- sets ------------------------------------------------------------------------------------------


def members(sets, numbers):
    rows = sets.rows(np.atleast_1d(numbers))
    return [
        {*rows.indices[a:b].tolist()} for a, b in zip(rows.indptr, rows.indptr[1:], strict=False)
    ]


def test_sets_are_those_of_python():
    rng = np.random.default_rng(0)
    sets, count = IndexSets(30), 30
    numbers = np.arange(1, count + 1).reshape(5, 6)
    known = [{k} for k in range(count)]
    for step in range(12):
        order = rng.permutation(count)
        if step % 3 == 2:
            other = numbers.ravel()[order].reshape(5, 6)
            numbers = np.vectorize(lambda a, b: sets.union(int(a), int(b)))(numbers, other)
        else:
            numbers = sets.unions(numbers, numbers.ravel()[order].reshape(5, 6))
        known = [a | known[k] for a, k in zip(known, order, strict=True)]
        numbers.ravel()[step], known[step] = 0, set()
        assert members(sets, numbers.ravel()) == known
        rows = [set().union(*known[6 * i : 6 * i + 6]) for i in range(5)]
        assert members(sets, sets.along(numbers, 1)) == rows


def test_a_long_sum_of_numbers_takes_time_in_proportion():
    sets, total = IndexSets(20_000), 0
    for k in range(20_000):
        total = sets.union(total, k + 1)
    assert len(sets.columns) < 60_000  # and not the square of it
    assert members(sets, total)[0] == {*range(20_000)}


# ---- the handle ------------------------------------------------------------------------------------


def test_modes():
    x = random(6)
    tall, wide = (
        (lambda x: np.outer(x[:2], np.ones(9))),
        (lambda x: np.sum(x.reshape(2, 3), axis=1)),
    )
    assert srcdiff.sparse_jacobian(tall, jit=False).colours(x) == 1
    for mode, products in (("forward", 3), ("reverse", 1), ("auto", 1)):
        J = srcdiff.sparse_jacobian(wide, mode=mode, jit=False)
        np.testing.assert_allclose(J(x).toarray(), np.repeat(np.eye(2), 3, axis=1))
        assert J.colours(x) == products


def test_a_few_full_rows_are_taken_by_themselves():
    def with_totals(x):
        return np.concatenate((np.sin(x[1:]) * x[:-1], [np.sum(x**2)], x**3, [np.prod(x)]))

    x = random(30)
    J = check(with_totals, x, entries=58 + 30 + 30 + 30)
    assert J.colours(x) == 4
    assert "with_totals_jvp" in J.source


def test_source_pattern_and_keywords():
    def scaled(x, *, by):
        return by * x**2

    J = srcdiff.sparse_jacobian(scaled, jit=False)
    x = random(3)
    assert "def scaled_jvp(x, by, x_dot):" in J.source_for(x, by=2.0)
    np.testing.assert_allclose(J(x, by=2.0).toarray(), np.diag(4.0 * x))
    assert J.pattern(x, by=2.0).dtype == bool
    assert J.source.startswith("def scaled_jvp")


def test_it_pickles_and_is_saved(tmp_path):
    J = pickle.loads(pickle.dumps(srcdiff.sparse_jacobian(neighbours, mode="reverse", jit=False)))
    x = random(4)
    np.testing.assert_allclose(J(x).toarray(), differences(neighbours, (x,), (0,)), atol=1e-7)
    assert "def neighbours_vjp" in J.save(tmp_path / "own.py", x).read_text()


def test_derivatives_and_batches_have_sparse_jacobians():
    def energy(x, w):
        return np.sum(np.exp(w) * x**2)

    force = srcdiff.grad(energy, jit=False)
    x, w = random(4, 3), random(3, seed=1)
    found = srcdiff.sparse_jacobian(force, jit=False)(x[0], w)
    np.testing.assert_allclose(found.toarray(), np.diag(2.0 * np.exp(w)))
    batch = srcdiff.batch(force, in_axes=(0, None), jit=False)
    found = srcdiff.sparse_jacobian(batch, jit=False)(x, w)
    np.testing.assert_allclose(found.toarray(), np.diag(np.tile(2.0 * np.exp(w), 4)))


def test_float32_is_kept():
    J = srcdiff.sparse_jacobian(neighbours, jit=False)
    assert J(random(5).astype("float32")).dtype == np.float32


def test_compiled_products():
    x = random(50)
    J = srcdiff.sparse_jacobian(in_a_loop)
    np.testing.assert_allclose(J(x).toarray(), srcdiff.jacobian(in_a_loop, jit=False)(x))


def test_what_is_refused():
    with pytest.raises(srcdiff.UnsupportedError, match="an integer array"):
        srcdiff.sparse_jacobian(neighbours)(np.arange(4))
    with pytest.raises(srcdiff.UnsupportedError, match="needs a float scalar"):
        srcdiff.sparse_hessian(neighbours)(random(4))
    with pytest.raises(srcdiff.UnsupportedError, match="further results"):
        srcdiff.sparse_jacobian(neighbours, has_aux=True)
    with pytest.raises(ValueError, match="mode='both'"):
        srcdiff.sparse_jacobian(neighbours, mode="both")
    with pytest.raises(srcdiff.UnsupportedError, match="with respect to complex numbers"):
        srcdiff.sparse_jacobian(lambda z: np.abs(z) ** 2)(np.ones(3) * 1j)
    with pytest.raises(srcdiff.UnsupportedError, match="returns complex numbers"):
        srcdiff.sparse_jacobian(lambda x: x * 1j)(np.ones(3))
    with pytest.raises(srcdiff.UnsupportedError, match="returns none"):
        srcdiff.sparse_jacobian(lambda x: len(x))(random(4))


def test_what_depends_on_nothing_has_no_entries():
    J = srcdiff.sparse_jacobian(lambda x: np.floor(x) * 0.0 + np.ones(3), jit=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert J(random(3)).toarray().tolist() == np.zeros((3, 3)).tolist()
