"""The derivative by a float32 argument is float32, whatever else went into an operation: for every operation, in both
modes, with types that say what runs (the evaluator compares each value with its type).
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from ops.rule_tools import DIFFERENTIABLE, apply, is_float

from srcdiff.frontend.rule_parser import parse_forward_rule, parse_rule
from srcdiff.ir.build import Builder
from srcdiff.ir.core import Function, Node
from srcdiff.ir.dims import Shapes
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.types import Array, Dim, List, Scalar, Type
from srcdiff.ir.values import Value, const
from srcdiff.ir.verify import verify
from srcdiff.transforms.passes import Recorder
from srcdiff.transforms.pipeline import gradient, prepare, tangent


def narrow(value):
    return value.astype(np.float32) if isinstance(value, np.ndarray) else np.float32(value)


OTHERS = {
    "float32": narrow,
    "float64": lambda v: v if isinstance(v, np.ndarray) else np.float64(v),
    "Python number": lambda v: v if isinstance(v, np.ndarray) else float(v),
    "int": lambda v: np.ceil(v).astype(int) if isinstance(v, np.ndarray) else int(np.ceil(v)),
}


def mixtures():
    """Each operation, on one of its smooth samples a shape, with one operand of float32 and others of another type."""
    for decl in DIFFERENTIABLE:
        for k, sample in enumerate(decl.samples):
            if sample.avoid:
                continue
            values = sample.args(np.random.default_rng(k))
            floats = [j for j, v in enumerate(values) if is_float(v)]
            for j in set(floats) & set(sample.wrt):
                for other, change in OTHERS.items() if len(floats) > 1 else [("alone", narrow)]:
                    yield pytest.param(decl, k, j, change, id=f"{decl.name}-{k}-{j}-{other}")


def type_of(value) -> Type:
    if isinstance(value, np.ndarray) and value.ndim:
        return Array(value.dtype.name, tuple(Dim(n) for n in value.shape))
    return Scalar(np.asarray(value).dtype.name, not isinstance(value, np.generic))


def program(decl, values, attrs) -> tuple[Function, dict]:
    """The function that applies an operation to parameters, for the operands that are numbers; arguments by position."""
    b = Builder(Shapes(rigid=set(), actual={}))
    params, arguments, operands = [], {}, []
    for k, value in enumerate(values):
        is_param = isinstance(value, np.ndarray | np.generic | float)
        operands.append(Value(type_of(value), f"x{k}", True) if is_param else const(value))
        if is_param:
            params.append(operands[-1])
            arguments[k] = value
    results = b.ops(decl, *operands, **attrs)
    output = Node("tuple", tuple(range(len(results))), tuple(range(len(results))))
    return Function("f", b.region(params, results), output), arguments


def float_results(fn):
    return [
        y.type
        for y in fn.body.yields
        if getattr(y.type, "dtype", "").startswith(("float", "complex"))
    ]


@pytest.mark.parametrize(("decl", "k", "position", "change"), list(mixtures()))
def test_derivative_by_float32_is_float32(decl, k, position, change):
    values = decl.samples[k].args(np.random.default_rng(k))
    given = [
        (narrow if j == position else change)(v) if is_float(v) else v for j, v in enumerate(values)
    ]
    attrs = decl.samples[k].attrs
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            apply(decl, given, attrs)
        except (TypeError, ValueError, np.linalg.LinAlgError):
            pytest.skip("NumPy does not take these types together")
        fn, arguments = program(decl, given, attrs)
        if any(isinstance(y.type, List) for y in fn.body.yields):
            pytest.skip("a list")
        at = list(arguments).index(position)
        fn = prepare(fn, Recorder())
        reverse = gradient(fn, [at], parse_rule, Recorder(verify=True), value=False, seeded=True)
        assert verify(reverse) == []
        seeds = [
            np.ones([d.const for d in getattr(t, "shape", ())], t.dtype)[()]
            for t in float_results(fn)
        ]
        found = evaluate(reverse, *arguments.values(), *seeds)
        assert found.dtype == np.float32
        forward = tangent(
            fn, [at], parse_rule, parse_forward_rule, Recorder(verify=True), value=False
        )
        moved = evaluate(forward, *arguments.values(), np.ones_like(given[position])[()])
        for y, d in zip(fn.body.yields, moved, strict=True):
            if getattr(y.type, "dtype", "").startswith("float"):
                assert isinstance(d, float) or d.dtype == y.type.dtype
