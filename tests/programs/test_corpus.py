"""Every program of the corpus in every mode, against finite differences and the reference evaluator."""

from __future__ import annotations

import numpy as np
import pytest
from corpus_loader import Program, flatten, load

import srcdiff
from srcdiff.compile.arguments.pytree import dot, map_leaves, random_like
from srcdiff.compile.derive import derive
from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.transforms.passes import Recorder

PROGRAMS = load("all")
pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.IndependentWarning")


def close(found: object, expected: object, rtol: float = 1e-6) -> None:
    """Equal relative to the largest entry."""
    a, b = flatten(found), flatten(expected)
    assert a.shape == b.shape
    scale = max(1.0, float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0)))
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale)


def examples(program: Program) -> range:
    return range(len(program.examples))


@pytest.mark.parametrize("residuals", ["auto", "store", "recompute"])
@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_reverse_mode_agrees_with_finite_differences(program: Program, residuals: str) -> None:
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt, residuals=residuals)
    for i in examples(program):
        with np.errstate(all="ignore"):
            value, gradient = g(*program.arguments(i))
        close(value, program.value(i), 1e-12)
        close(gradient, program.gradients(i))


@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_forward_mode_agrees_with_finite_differences(program: Program) -> None:
    for i in examples(program):
        args = program.arguments(i)
        rng = np.random.default_rng(i)
        tangents = [random_like(a, rng) if k in program.wrt else None for k, a in enumerate(args)]
        tangents = [
            map_leaves(lambda _: None, a) if t is None else t
            for a, t in zip(args, tangents, strict=True)
        ]
        with np.errstate(all="ignore"):
            value, tangent = srcdiff.jvp(program.function, args, tangents)
        close(value, program.value(i), 1e-12)
        gradients = program.gradients(i)
        expected = sum(dot(tangents[k], g) for k, g in zip(program.wrt, gradients, strict=True))
        close(tangent, expected)


@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_the_ir_is_valid_after_each_pass_and_evaluates_to_the_same(program: Program) -> None:
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt)
    arguments = g.signature.bind(program.arguments(0), {}, frozenset())
    fn = derive(g.derived, arguments, Recorder(verify=True))
    with np.errstate(all="ignore"):
        close(evaluate(fn, *program.arguments(0)), g(*program.arguments(0)), 1e-12)
