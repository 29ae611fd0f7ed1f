"""The corpus itself is sound: its programs run, are smooth at their examples, and are enough."""

import ast
import math

import numpy as np
import pytest
from corpus_loader import (
    CORPUS,
    Program,
    finite_difference_grad,
    flatten,
    is_float_leaf,
    leaves,
    load,
)

IMPORTABLE = {"numpy", "math", "scipy", "typing", "dataclasses"}


def test_there_are_enough_programs_and_enough_that_stop_unconverged():
    assert len(load("targets")) == 8
    assert len(load("programs")) >= 50
    assert sum(program.unconverged for program in load("programs")) >= 20


@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_each_program_says_what_is_hard_and_imports_no_more_than_a_user_would(program: Program):
    assert program.module.__doc__
    assert program.examples
    tree = ast.parse((CORPUS / _kind(program) / f"{program.name}.py").read_text())
    imported = {
        alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= IMPORTABLE


@pytest.mark.parametrize("program", load("programs"), ids=repr)
def test_each_program_has_examples_of_different_kinds(program: Program):
    assert len(program.examples) >= 2
    assert len({flatten(example).tobytes() for example in program.examples}) >= 2


@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_value_is_a_finite_float_and_always_the_same(program: Program):
    for example in range(len(program.examples)):
        value = program.function(*program.arguments(example))
        assert isinstance(value, float)
        assert math.isfinite(value)
        assert program.function(*program.arguments(example)) == value


@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_two_step_sizes_agree_so_no_kink_or_changing_trip_count_is_near(program: Program):
    for example, given in enumerate(program.examples):
        gradient = flatten(program.gradients(example))
        assert np.all(np.isfinite(gradient))
        arguments = program.arguments(example)
        finer = finite_difference_grad(program.function, arguments, program.wrt, step=2e-3)
        scale = np.max(np.abs(gradient), initial=1.0)
        np.testing.assert_allclose(flatten(finer), gradient, rtol=1e-7, atol=1e-8 * scale)
        for old, new in zip(leaves(given), leaves(arguments), strict=True):
            assert np.array_equal(old, new) or old is new


@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_each_differentiated_argument_matters_in_some_example(program: Program):
    gradients = [program.gradients(example) for example in range(len(program.examples))]
    for per_argument in zip(*gradients, strict=True):
        assert any(np.any(flatten(gradient) != 0.0) for gradient in per_argument)


@pytest.mark.parametrize("program", load("targets"), ids=repr)
def test_gradient_code_of_a_target_agrees_with_finite_differences(program: Program):
    for example in range(len(program.examples)):
        value, gradient = program.target_value_and_grad()(*program.arguments(example))
        assert value == pytest.approx(program.value(example), rel=1e-12)
        expected = flatten(program.gradients(example))
        np.testing.assert_allclose(flatten(gradient), expected, rtol=1e-7, atol=1e-8)


def test_gradients_have_the_structure_of_the_arguments():
    (program,) = [program for program in load("programs") if program.name == "dataclass_parameters"]
    kernel, positions = program.examples[0]
    d_kernel, d_positions = program.gradients(0)
    assert type(d_kernel) is type(kernel)
    assert d_kernel.scales.shape == kernel.scales.shape
    assert d_kernel.order is None
    assert d_positions.shape == positions.shape
    assert not is_float_leaf(kernel.order)


def test_finite_differences_match_derivatives_known_in_closed_form():
    def f(parameters, x):
        (a, weights), shift = parameters["inner"], parameters["shift"]
        return a * np.sum(np.sin(weights) * x) + math.exp(shift[0])

    weights, x = np.array([0.3, -1.2]), np.array([2.0, 0.5])
    arguments = ({"shift": [0.7], "inner": (1.5, weights)}, x)
    d_parameters, d_x = finite_difference_grad(f, arguments, (0, 1))
    np.testing.assert_allclose(d_x, 1.5 * np.sin(weights), rtol=1e-11)
    np.testing.assert_allclose(d_parameters["inner"][1], 1.5 * np.cos(weights) * x, rtol=1e-11)
    assert d_parameters["shift"] == [pytest.approx(math.exp(0.7), rel=1e-11)]
    bare = finite_difference_grad(f, arguments, 1)
    np.testing.assert_array_equal(bare, d_x)


def test_flatten_orders_dicts_by_key_and_skips_what_has_no_derivative():
    structure = {"b": (1.0, 3, None), "a": [np.array([[4.0, 5.0]]), np.array([1, 2]), "name"]}
    np.testing.assert_array_equal(flatten(structure), [4.0, 5.0, 1.0])
    assert flatten(()).shape == (0,)


def _kind(program: Program) -> str:
    return "targets" if program in load("targets") else "programs"
