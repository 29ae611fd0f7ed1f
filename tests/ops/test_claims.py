"""What a declaration claims of an operation holds on its samples, and what holds is claimed."""

import warnings

import numpy as np
import pytest
from ops.rule_tools import apply, is_float, label
from ops.test_rules import parts, values_of

from srcdiff.errors import UnsupportedError
from srcdiff.ir.dims import ShapeMismatch
from srcdiff.ops.core.registry import OPERATIONS


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


SAMPLED = [  # all but those that mark their first operand for passes
    d for d in OPERATIONS.values() if d.samples and not d.writes and d.template != "{0}"
]


REAL_PARTS = {"real_parts", "imaginary_parts", "conjugate"}  # linear, but not for complex factors
ARRAYS = {
    "array_of",
    "asarray",
    "ascontiguousarray",
}  # integers among their operands are constant parts


def _numbers(values):
    return [j for j, v in enumerate(values) if is_float(v) or np.iscomplexobj(v)]


def _is_linear(decl, samples, chosen):
    """Whether the results of some samples are linear in the operands `chosen(values)` together."""
    rng = np.random.default_rng(0)
    for k in samples:
        values, sample = values_of(decl, k)
        at = chosen(values)
        other = [rng.normal(size=np.shape(v)) if j in at else v for j, v in enumerate(values)]
        other = [v.item() if j in at and not np.shape(v) else v for j, v in enumerate(other)]
        pairs = enumerate(zip(values, other, strict=True))
        both = [2.0 * v - 3.0 * w if j in at else v for j, (v, w) in pairs]
        try:
            found, one, two = (parts(apply(decl, v, sample.attrs)) for v in (both, values, other))
        except np.linalg.LinAlgError:  # of other matrices
            return False
        for a, b, c in zip(found, one, two, strict=True):
            if a.shape != b.shape or not np.allclose(a, 2.0 * b - 3.0 * c, rtol=1e-7, atol=1e-9):
                return False
    return True


@pytest.mark.parametrize("decl", [d for d in SAMPLED if d.differentiable], ids=label)
def test_operations_are_linear_where_they_claim_it(decl):
    counts = [len(_numbers(values_of(decl, k)[0])) for k in range(len(decl.samples))]
    whole = [
        all(is_float(v) or np.iscomplexobj(v) for v in values_of(decl, k)[0])
        for k in range(len(counts))
    ]
    samples = [k for k, n in enumerate(counts) if n and (whole[k] or decl.name not in ARRAYS)]
    several = [k for k, n in enumerate(counts) if n > 1]
    if samples and (decl.linear or not several):
        is_linear = _is_linear(decl, samples, _numbers)
        assert is_linear == (decl.linear or decl.name in REAL_PARTS)
    if several and not decl.linear:
        by_itself = range(min(counts[k] for k in several))
        each = [_is_linear(decl, several, lambda v, j=j: [_numbers(v)[j]]) for j in by_itself]
        assert all(each) == decl.multilinear


@pytest.mark.parametrize("decl", SAMPLED, ids=label)
def test_results_are_views_boxes_and_tuples_where_it_is_claimed(decl):
    views, boxed, in_tuple = set(), set(), False
    for k in range(len(decl.samples)):
        values, attrs = _given(decl, k)
        found = apply(decl, values, attrs)
        in_tuple |= type(found) is tuple and len(found) == 1
        for r in found if isinstance(found, tuple | list) else (found,):
            boxed |= set() if np.ndim(r) else {isinstance(r, np.ndarray)}
            if isinstance(r, np.ndarray):
                arrays = ((j, v) for j, v in enumerate(values) if np.ndim(v))
                views |= {j for j, v in arrays if np.shares_memory(r, v)}
    assert not boxed or any(boxed) == decl.boxes
    assert in_tuple == decl.as_tuple
    if decl.name != "rows":  # the views are on a list
        assert views == ({decl.view_of} - {None})


def _indices(decl):
    """The index arrays that the samples give, each set along its axis."""
    for k in range(len(decl.samples)):
        values, sample = values_of(decl, k)
        found = apply(decl, values, sample.attrs)
        arrays = found if isinstance(found, tuple | list) else (found,)
        if arrays and all(isinstance(r, np.ndarray) and r.dtype.kind == "i" for r in arrays):
            axis = sample.attrs.get("axis") or 0
            yield np.stack([np.moveaxis(r, axis, 0) for r in arrays if r.ndim])


@pytest.mark.parametrize("decl", [d for d in SAMPLED if not d.differentiable], ids=label)
def test_index_arrays_name_no_place_twice_where_it_is_claimed(decl):
    found = [places.reshape(*places.shape[:2], -1) for places in _indices(decl) if places.size]
    twice = [
        len(np.unique(p[:, :, c], axis=1).T) < p.shape[1] for p in found for c in range(p.shape[2])
    ]
    assert decl.distinct == (bool(found) and not any(twice)) or decl.name == "searchsorted"


@pytest.mark.parametrize("decl", [d for d in SAMPLED if d.broadcasts], ids=label)
def test_operands_are_broadcast_where_it_is_claimed(decl):
    for k in range(len(decl.samples)):
        values, sample = values_of(decl, k)
        shape = np.broadcast_shapes(*map(np.shape, values))
        assert np.shape(apply(decl, values, sample.attrs)) == shape


def _extremes(values):
    """The operands with other numbers, with each length 0, and with another length of one operand."""
    for number in (0.0, np.nan, np.inf, -1.0, 1e300):
        yield True, [_filled(v, number) for v in values]
    for n in {n for v in values for n in np.shape(v)} - {1}:
        yield True, [_resized(v, [0 if m == n else m for m in np.shape(v)]) for v in values]
    for j, v in enumerate(values):
        for axis, n in enumerate(np.shape(v)):
            shape = [*np.shape(v)[:axis], n + 1, *np.shape(v)[axis + 1 :]]
            yield False, [*values[:j], _resized(v, shape), *values[j + 1 :]]


def _filled(value, number):
    if isinstance(value, np.ndarray) and is_float(value):
        return np.full_like(value, number)
    return number if isinstance(value, float) else value


def _resized(value, shape):
    return np.resize(value, shape) if isinstance(value, np.ndarray) else value


FACTORED = (
    f"{kind}_{name}" for kind in ("definite", "shared") for name in ("solve", "logdet", "sign")
)
RAISES = {  # against the samples
    **dict.fromkeys(
        ("sigmoid_quotient", "qr_factors"), True
    ),  # as other quotients and factorisations
    **dict.fromkeys(
        ("potrf", *FACTORED, *ARRAYS), False
    ),  # only for types that the compiler refuses
}


@pytest.mark.parametrize("decl", SAMPLED, ids=label)
def test_operations_raise_where_it_is_claimed(decl):
    found = set()  # whether lengths fit wherever the operation raised
    for k in range(len(decl.samples)):
        for fits, values in _extremes(_given(decl, k)[0]):
            try:
                apply(decl, values, decl.samples[k].attrs)
            except Exception as error:
                found.add(fits and not isinstance(error, ShapeMismatch | UnsupportedError))
    # checks of lengths precede elementwise operations
    expected = True in found if decl.elementwise else bool(found)
    assert decl.raises == RAISES.get(decl.name, expected)


@pytest.mark.parametrize("decl", [d for d in SAMPLED if d.sign], ids=label)
def test_results_have_the_signs_that_are_claimed(decl):
    for k in range(len(decl.samples)):
        given, attrs = _given(decl, k)
        for sign in (1.0, -1.0):
            values = [sign * np.abs(v) if is_float(v) else v for v in given]
            if decl.elementwise and not any(map(np.shape, values)):
                values = [v.item() if is_float(v) else v for v in values]
            found = np.asarray(apply(decl, values, attrs))
            if found.dtype.kind == "c":
                continue
            match decl.sign:
                case "positive":
                    assert np.all(found > 0.0)
                case "at least 0":
                    assert np.all(found >= 0.0)
                case "zero":
                    assert np.all(found == 0.0)
                case "of operands":
                    assert np.all(np.isin(found, np.concatenate([np.ravel(v) for v in values])))
                case "of sums":
                    assert np.all(sign * found >= 0.0)


UNTRIED = {  # claims of operations without samples of the kind
    *((name, "reads_once") for name in ("argmax", "argmin")),
    *((name, "distinct") for name in ("places_of_true", "nonzero", "triu_indices", "tril_indices")),
    ("nonzero", "as_tuple"),
    *((name, "holds") for name in ("pack", "list_new", "append", "list_set", "rows")),
    *((name, "boxes") for name in (
        "copy", "empty_like", "zeros_like", "ones_like", "astype", "array_of", "asarray",
        "ascontiguousarray", "full", "full_like", "reshape", "transpose", "broadcast_to",
    )),
}  # fmt: skip


@pytest.mark.parametrize("decl", OPERATIONS.values(), ids=label)
def test_claims_are_made_of_operations_that_they_concern(decl):
    assert decl.adjoint in ("any", "scalar", "whole")
    assert decl.cost in ("free", "cheap", "element", "heavy")
    assert decl.sign in ("", "positive", "at least 0", "zero", "of operands", "of sums")
    assert decl.view_of is not None or not decl.read_only
    of_derivatives = ("linear", "multilinear", "optional", "stacks", "broadcasts")
    of_arrays = (*of_derivatives[1:], "reads_once", "distinct", "as_tuple", "boxes", "holds")
    claimed = [c for c in {*of_derivatives, *of_arrays} if getattr(decl, c)]
    assert decl.differentiable or {*claimed}.isdisjoint(of_derivatives)
    assert not decl.elementwise or {*claimed} <= {"linear", "multilinear", "boxes"}
    assert not decl.reads_once or decl.loops or decl.fold or decl.place
    assert not (decl.linear and decl.multilinear)
    assert not (decl.distinct and decl.differentiable)
    given = [_given(decl, k)[0] for k in range(len(decl.samples))]
    several = any(len(_numbers(values)) > 1 for values in given)
    results = [apply(decl, *_given(decl, k)) for k in range(len(decl.samples))]
    tried = {
        "optional": any(isinstance(r, tuple) and len(r) > 1 for r in results),
        "boxes": any(not np.shape(r) for r in results if not isinstance(r, tuple | list)),
        "stacks": several and any(np.ndim(v) > 1 for values in given for v in values),
        "multilinear": several,
        "broadcasts": several,
        "holds": False,
    }
    for claim in {*claimed} & {*of_arrays}:
        assert (decl.name, claim) in UNTRIED or (results and tried.get(claim, True)), claim


def _given(decl, k):
    values, sample = values_of(decl, k)
    return [np.copy(v) if isinstance(v, np.ndarray) else v for v in values], sample.attrs
