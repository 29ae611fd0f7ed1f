"""The loop form of every operation, on the samples it declares, against the operation itself."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from loop_forms import as_python
from ops.rule_tools import SAMPLES, apply, label, make_op
from ops.test_rules import as_dtype

from srcdiff.codegen.module.load import load
from srcdiff.codegen.module.module import bindings_of, to_source
from srcdiff.frontend.rule_parser import parse_expansion
from srcdiff.ir.core import Function, Node, Region
from srcdiff.ir.values import Value
from srcdiff.ops.linalg.sparse import SPARSE
from srcdiff.transforms.loop_pipeline import to_loops
from srcdiff.transforms.lower.loop_nests import NoLoopForm
from srcdiff.transforms.passes import Recorder


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def alone(decl, values, attrs):
    """The loop form of a function that is one operation, and the arguments that it takes."""
    op, _, lengths = make_op(decl, values, attrs)
    given = [a for a in op.operands if isinstance(a, Value)]
    own = {a: replace(a, name=f"x{k}", user=True) for k, a in enumerate(given)}
    op = replace(op, operands=tuple(own[a] if isinstance(a, Value) else a for a in op.operands))
    positions = tuple(range(len(op.results)))
    output = 0 if len(positions) == 1 else Node("tuple", positions, positions)
    fn = Function(f"{decl.name}_alone", Region(tuple(own.values()), (op,), op.results), output)
    args = [v for v, a in zip(values, op.operands, strict=True) if isinstance(a, Value)]
    return to_loops(fn, lengths, parse_expansion, Recorder(verify=True)), args


def agrees(found, expected, rtol: float = 1e-11) -> None:
    if isinstance(expected, tuple | list):
        for f, e in zip(found, expected, strict=True):
            agrees(f, e, rtol)
        return
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=0.1 * rtol)
    if isinstance(expected, np.ndarray) and expected.ndim:  # SciPy has some arrays without axes
        assert found.dtype == expected.dtype


# sparse matrices are SciPy's objects: programs of them run as NumPy
OUTSIDE = [c for c in SAMPLES if c[0] in SPARSE]
WITH_LOOP_FORMS = [c for c in SAMPLES if c not in OUTSIDE]
# those that are compiled routines of the runtime take seconds each; one stays in the fast suite
EACH = [
    pytest.param(c, marks=pytest.mark.slow)
    if c[0].routine and not c[0].elementwise and label(c) != "solve_banded-0"
    else c
    for c in WITH_LOOP_FORMS
]


@pytest.mark.parametrize("case", OUTSIDE, ids=label)
def test_what_has_no_loop_form_says_so(case):
    decl, k = case
    with pytest.raises(NoLoopForm, match="a sparse matrix, which is SciPy's"):
        alone(decl, decl.samples[k].args(np.random.default_rng(k)), decl.samples[k].attrs)


@pytest.mark.parametrize("case", EACH, ids=label)
def test_loop_form_gives_what_the_operation_gives(case):
    decl, k = case
    values, attrs = decl.samples[k].args(np.random.default_rng(k)), decl.samples[k].attrs
    fn, args = alone(decl, values, attrs)
    agrees(as_python(fn)(*args), apply(decl, values, attrs))


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("case", EACH, ids=label)
def test_loop_form_has_the_dtype_that_the_operation_has(case, dtype):
    decl, k = case
    values, attrs = decl.samples[k].args(np.random.default_rng(k)), decl.samples[k].attrs
    values = as_dtype(values, dtype)
    try:
        expected = apply(decl, values, attrs)
    except (TypeError, ValueError, NotImplementedError, np.linalg.LinAlgError):
        pytest.skip("NumPy does not take these")
    fn, args = alone(decl, values, attrs)
    agrees(as_python(fn)(*args), expected, rtol=1e-5 if dtype == "float32" else 1e-11)


# routines of the runtime are compiled in the tests above
COMPILED = [
    (d, k)
    for d, k in WITH_LOOP_FORMS
    if (d.loops or d.cost == "heavy") and k in (0, 3) and not d.routine
]


@pytest.mark.parametrize("case", COMPILED, ids=label)
def test_compiled_loop_form_gives_what_the_operation_gives(case):
    decl, k = case
    values, attrs = decl.samples[k].args(np.random.default_rng(k)), decl.samples[k].attrs
    fn, args = alone(decl, values, attrs)
    compiled = load(to_source(fn), fn.name, bindings_of(fn))
    agrees(compiled(*args), apply(decl, values, attrs))
