"""Golden files: generated source as it should read, one importable file a program, reviewed like code.

A file is compared (or rewritten, with `--update-golden`) only after the numbers are right, so a wrong gradient
never becomes golden.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_loader import Program, flatten, load
from forward_forms import misfit

import srcdiff

FOLDER = Path(__file__).parent / "golden"
PROGRAMS = {p.name: p for p in load("all")}
TARGETS = [p.name for p in load("targets")]
CHOSEN = [
    "cholesky_loops", "closure_in_loop", "dataclass_parameters", "garch_likelihood", "gaussian_process",
    "helper_with_loop",
    "kalman_matrices", "layers_keep_activations", "logistic_map", "nbody_energy", "newton_sqrt", "rnn_buffer",
    "soft_edit_distance", "softmax_cross_entropy", "swapped_buffers", "thomas_algorithm", "while_with_two_exits",
    "write_through_view",
]  # fmt: skip


def compare(name: str, text: str, update: bool) -> None:
    path = FOLDER / f"{name}.py"
    if update:
        path.write_text(text)
    assert path.exists(), (
        f"no golden file for {name}: run pytest --update-golden and read what it writes"
    )
    assert text == path.read_text(), (
        f"the generated source of {name} changed: read the difference, then --update-golden"
    )


def imported(name: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """The golden file as a module; the user's own classes are all that it may need from outside."""
    spec = importlib.util.spec_from_file_location(f"golden_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module).update(namespace)
    spec.loader.exec_module(module)
    return vars(module)


def right(program: Program, g: Callable[..., Any]) -> None:
    for i in range(len(program.examples)):
        with np.errstate(all="ignore"):
            value, gradient = g(*program.arguments(i))
        np.testing.assert_allclose(flatten(value), flatten(program.value(i)), rtol=1e-12)
        expected = flatten(program.gradients(i))
        scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
        np.testing.assert_allclose(flatten(gradient), expected, rtol=1e-6, atol=1e-6 * scale)


@pytest.mark.filterwarnings("ignore::srcdiff.IndependentWarning")
@pytest.mark.parametrize("name", [*TARGETS, *CHOSEN])
def test_generated_source_is_golden(name: str, update_golden: bool) -> None:
    program = PROGRAMS[name]
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt)
    right(program, g)
    compare(name, g.source_for(*program.arguments(0)), update_golden)
    classes = {k: v for k, v in vars(program.module).items() if isinstance(v, type)}
    function = imported(name, classes)[f"{program.function.__name__}_value_and_grad"]
    with np.errstate(all="ignore"):
        found, expected = function(*program.arguments(0)), g(*program.arguments(0))
    np.testing.assert_array_equal(flatten(found), flatten(expected))


THETA, V = np.array([1.3, 0.4]), np.array([0.7, -0.2])
T, Y = np.linspace(0.1, 2.0, 9), np.cos(np.arange(9.0))


def test_a_tangent_program_is_golden(update_golden: bool) -> None:
    f = srcdiff.differentiate(misfit)
    value, tangent = f.jvp((THETA, T, Y), (V, None, None))
    h = 1e-5
    moved = [misfit(THETA + s * h * V, T, Y) for s in (1, -1)]
    np.testing.assert_allclose(tangent, (moved[0] - moved[1]) / (2 * h), rtol=1e-8)
    compare("misfit_jvp", f.jvp.source_for((THETA, T, Y), (V, None, None)), update_golden)
    np.testing.assert_allclose(value, misfit(THETA, T, Y))


def test_a_hessian_vector_product_is_golden(update_golden: bool) -> None:
    h = srcdiff.hvp(misfit)
    gradient = srcdiff.grad(misfit)
    e = 1e-5
    expected = (gradient(THETA + e * V, T, Y) - gradient(THETA - e * V, T, Y)) / (2 * e)
    np.testing.assert_allclose(h(THETA, T, Y, V), expected, rtol=1e-7)
    compare("misfit_hvp", h.source_for(THETA, T, Y, V), update_golden)
