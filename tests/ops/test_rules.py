"""Every operation against NumPy and finite differences, on the samples it declares; the compiler has no part in it."""

import warnings

import numpy as np
import pytest
from ops.rule_tools import (
    DIFFERENTIABLE,
    SAMPLES,
    apply,
    contributions,
    evaluate,
    forward,
    is_float,
    label,
    make_op,
)

from srcdiff.ir.types import Array, List, Scalar
from srcdiff.ops.core.registry import OPERATIONS

STEP = 1e-5


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def values_of(decl, k):
    return decl.samples[k].args(np.random.default_rng(k)), decl.samples[k]


def direction(rng, value):
    v = rng.normal(size=np.shape(value))
    if np.iscomplexobj(value):
        v = v + 1j * rng.normal(size=np.shape(value))
    return v if np.shape(value) else np.asarray(v).item()


def parts(result):
    """Results as a list of arrays: one, several, or a list's elements."""
    return [
        np.asarray(r, dtype=complex if np.iscomplexobj(r) else float)
        for r in (result if isinstance(result, tuple | list) else (result,))
    ]


def dot(xs, ys):
    return sum(float(np.sum(x * y).real) for x, y in zip(xs, ys, strict=True))


def difference(decl, values, attrs, moves):
    """The derivative of the result along `moves`, by central differences."""
    ahead, back = (
        [v if m is None else v + s * STEP * m for v, m in zip(values, moves, strict=True)]
        for s in (1, -1)
    )
    pairs = zip(parts(apply(decl, ahead, attrs)), parts(apply(decl, back, attrs)), strict=True)
    return [(a - b) / (2 * STEP) for a, b in pairs]


def test_differentiable_operations_declare_samples():
    assert [d.name for d in DIFFERENTIABLE if not d.samples] == []


SMOOTH = [(d, k) for d, k in SAMPLES if d.differentiable and not d.samples[k].avoid]
REVERSIBLE = [(d, k) for d, k in SMOOTH if d.rule or d.build or d.scatter]


@pytest.mark.parametrize("case", REVERSIBLE, ids=label)
def test_reverse_rule_agrees_with_finite_differences(case):
    decl, k = case
    values, sample = values_of(decl, k)
    rng = np.random.default_rng(100 + k)
    out = apply(decl, values, sample.attrs)
    d_outs = [np.asarray(direction(rng, p)) for p in parts(out)]
    if decl.name == "slogdet":
        d_outs[0] = np.array(0.0)
    given = [d if d.ndim else d.item() for d in d_outs]
    d_out = tuple(given) if isinstance(out, tuple) else given if isinstance(out, list) else given[0]
    found = contributions(decl, values, sample.attrs, out, d_out)
    for position in sample.wrt:
        assert found[position] is not None, f"no derivative for operand {position}"
        move = direction(rng, values[position])
        moves = [move if j == position else None for j in range(len(values))]
        expected = dot(difference(decl, values, sample.attrs, moves), d_outs)
        assert float(np.sum(found[position] * move).real) == pytest.approx(
            expected, rel=2e-6, abs=1e-8
        ), f"operand {position}"


@pytest.mark.parametrize("case", SMOOTH, ids=label)
def test_forward_rule_agrees_with_finite_differences(case):
    decl, k = case
    values, sample = values_of(decl, k)
    rng = np.random.default_rng(200 + k)
    out = apply(decl, values, sample.attrs)
    for active in {tuple(sample.wrt), *((p,) for p in sample.wrt)}:
        moves = [direction(rng, v) if j in active else None for j, v in enumerate(values)]
        found = forward(decl, values, sample.attrs, out, moves)
        for got, expected in zip(
            parts(found), difference(decl, values, sample.attrs, moves), strict=True
        ):
            got = got if np.iscomplexobj(expected) else got.real
            np.testing.assert_allclose(
                np.broadcast_to(got, expected.shape), expected, rtol=2e-6, atol=1e-8
            )


@pytest.mark.parametrize("case", [(d, k) for d, k in SAMPLES if d.samples[k].gradients], ids=label)
def test_derivative_at_ties_and_kinks_is_the_documented_one(case):
    decl, k = case
    values, sample = values_of(decl, k)
    out = apply(decl, values, sample.attrs)
    found = contributions(decl, values, sample.attrs, out, np.ones(np.shape(out)))
    for position, expected in zip(sample.wrt, sample.gradients, strict=True):
        np.testing.assert_allclose(found[position], expected, rtol=1e-12)


SMALLER = [
    (d, k)
    for d, k in REVERSIBLE
    if d.adjoint in ("any", "scalar") or (d.build and d.name not in ("elements", "rows"))
]


@pytest.mark.parametrize("case", SMALLER, ids=label)
def test_smaller_adjoint_stands_for_its_broadcast(case):
    decl, k = case
    values, sample = values_of(decl, k)
    out = apply(decl, values, sample.attrs)
    small = [np.float64(1.3)]
    if (decl.adjoint == "any" or decl.build) and np.ndim(out):
        small += [
            np.random.default_rng(k).normal(size=np.shape(out)[1:]),
            np.full((1,) * np.ndim(out), 0.7),
        ]
    for d_out in small:
        whole = np.broadcast_to(d_out, np.shape(out))
        of_small = contributions(decl, values, sample.attrs, out, d_out)
        of_whole = contributions(decl, values, sample.attrs, out, whole)
        for position in sample.wrt:
            of_small[position] = np.broadcast_to(of_small[position], np.shape(values[position]))
            np.testing.assert_allclose(of_small[position], of_whole[position], rtol=1e-12)


# ---- types and text ------------------------------------------------------------------------------------------------


def as_dtype(values, dtype):
    return [v.astype(dtype) if isinstance(v, np.ndarray) and is_float(v) else v for v in values]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("case", SAMPLES, ids=label)
def test_type_rule_says_what_numpy_returns(case, dtype):
    decl, k = case
    values, sample = values_of(decl, k)
    values = as_dtype(values, dtype)
    try:
        expected = called(decl, values, sample.attrs)
        op, _, lengths = make_op(decl, values, sample.attrs)
        found = evaluate(op, values, lengths)
    except (TypeError, ValueError, NotImplementedError, np.linalg.LinAlgError):
        if dtype == "int64":
            pytest.skip("NumPy does not take integers here")
        raise
    results = found if len(op.results) > 1 else (found,)
    for value, result in zip(results, op.results, strict=True):
        agrees(value, result.type, lengths)
    if isinstance(expected, np.ndarray | float):
        np.testing.assert_array_equal(found, expected)


def called(decl, values, attrs):
    """What the function that the operation stands for gives; None where its arguments are not the operands."""
    function = decl.callables[0] if decl.callables else None
    is_array_function = decl.bind is None and decl.view_of != 0 and callable(function)
    return function(*values, **attrs) if is_array_function else None


def agrees(value, type_, lengths):
    if isinstance(type_, List):
        for element in value:
            agrees(element, type_.element, lengths)
        return
    assert np.asarray(value).dtype.name == type_.dtype
    if isinstance(type_, Scalar):
        assert np.ndim(value) == 0
        if type_.weak:
            assert isinstance(value, bool | int | float | complex | np.bool_)
            assert type(value) not in (np.float64, np.complex128)
        return
    assert isinstance(type_, Array)
    assert np.ndim(value) == type_.ndim
    for dim, n in zip(type_.shape, np.shape(value), strict=True):
        if dim.symbols() <= set(lengths):
            assert dim.evaluate(lengths) == n


def test_every_operation_that_claims_elements_keeps_their_number():
    claims = [d.name for d in OPERATIONS.values() if d.elementwise and d.view_of is not None]
    assert claims == []
