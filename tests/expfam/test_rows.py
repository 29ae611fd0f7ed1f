"""The rows of the list of seeds that are about inference from log Z: where each is tested, and those that are here."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from ops.rule_tools import apply, contributions, forward
from ops.test_rules import REVERSIBLE, direction, parts, values_of

import srcdiff

TESTS = Path(__file__).parents[1]
HERE = "expfam/test_rows.py::test_"
FAMILIES, CHAINS, SEEDS, OWN, LONG, FILES, LINEAR, HMM, SEMIRINGS = (
    f"expfam/{name}.py::test_"
    for name in (
        "test_families", "sequence/test_chains", "test_seed_rows", "test_own_programs", "test_long_sequences", "test_generated_files", "sequence/test_kalman",
        "sequence/test_hmm", "core/test_semiring_queries",
    )
)  # fmt: skip

ROWS = {
    "J1": [FAMILIES + "log_prob_is_that_of_scipy", FAMILIES + "draws_have_the_expected_statistics", FAMILIES + "kl_is_the_mean_of_the_difference_of_log_densities"],
    "J2": [FAMILIES + "the_gradient_is_the_mean_of_the_statistics", FAMILIES + "the_hessian_is_their_covariance"],
    "J3": [SEEDS + "the_e_step_is_one_line", CHAINS + "counts_add_up"],
    "J4": [FAMILIES + "the_third_derivative_is_the_third_cumulant", CHAINS + "third_cumulants_are_those_of_all_paths"],
    "J5": [SEEDS + "the_e_step_is_one_line", SEEDS + "best_and_drawn_paths_of_the_hmm_are_those_of_the_reference", CHAINS + "the_backward_loop_reads_as_a_backward_recursion"],
    "J6": [SEEDS + "inputs_pick_the_transition", CHAINS + "an_input_that_never_occurs_counts_nothing"],
    "J7": [LINEAR + "the_program_of_the_slides_has_the_same_leaves", LINEAR + "the_smoother_is_that_of_the_reference", LINEAR + "the_entropy_is_that_of_the_dense_gaussian", SEEDS + "the_kalman_smoother_is_the_gradient_of_closures"],
    "J8": [HMM + "a_step_of_em_is_that_of_baum_welch", HMM + "fifty_steps_climb", HMM + "missing_observations_are_summed_over", HMM + "forbidden_transitions_stay_forbidden"],
    "J9": [FILES + "a_file_may_need_numpy_alone"],
    "J10": [CHAINS + "fisher_is_the_covariance_of_the_counts", CHAINS + "observed_information_is_minus_the_hessian_of_the_log_likelihood", CHAINS + "expected_information_is_the_covariance_of_what_is_learned"],
    "J11": [HERE + "j11_the_language"],
    "J12": [HERE + "j12_what_cannot_be_seen_is_reported"],
    "J13": ["programs/test_autograd_examples.py::test_gradients_are_autograd_s", "programs/test_autograd_examples.py::test_hessians_and_products_are_autograd_s"],
    "J14": ["rules/test_custom.py::test_the_rule_is_inlined_and_the_function_is_called", HERE + "j14_cross_and_sort"],
    "J15": [HERE + "j15_what_is_used_twice_and_what_is_not", SEEDS + "what_a_result_does_not_depend_on_is_reported"],
    "J16": [FILES + "generated_files_are_differentiated_to_order_four"],
    "J17": [HERE + "j17_forward_mode_is_the_transpose", "ops/test_rules.py::test_forward_rule_agrees_with_finite_differences"],
    "beyond 2": [CHAINS + "the_backward_loop_reads_as_a_backward_recursion", LONG + "a_million_times_take_little_memory"],
    "beyond 3": [LINEAR + "the_program_of_the_slides_has_the_same_leaves"],
    "beyond 4": [OWN + "all_algorithms_are_those_of_all_terms", SEMIRINGS + "draws_have_the_weights_of_all_paths", SEEDS + "two_hundred_thousand_draws_have_the_table_of_all_paths"],
    "beyond 5": [CHAINS + "potentials_of_a_million_do_no_harm", CHAINS + "large_potentials_have_the_marginals_of_exact_arithmetic", CHAINS + "a_long_sequence_is_finite"],
    "beyond 12": [CHAINS + "observed_information_is_minus_the_hessian_of_the_log_likelihood", LONG + "standard_errors_of_a_fit_are_those_of_a_bootstrap"],
    "beyond 17": ["transforms/semiring/test_associative_scan.py::test_trees_have_the_value_and_gradient_of_the_loop", "transforms/semiring/test_associative_scan.py::test_a_million_iterations_are_those_of_the_loop"],
}  # fmt: skip


def test_every_row_has_its_tests() -> None:
    """What the table names is there."""
    for name in itertools.chain.from_iterable(ROWS.values()):
        file, function = name.split("::")
        defined = {n.name for n in ast.walk(ast.parse((TESTS / file).read_text())) if isinstance(n, ast.FunctionDef)}  # fmt: skip
        assert function in defined, name
    assert [*ROWS] == [*(f"J{n}" for n in range(1, 18)), *(f"beyond {n}" for n in (2, 3, 4, 5, 12, 17))]  # fmt: skip


# ---- J11: loops, branches, recursion, closures; arrays, tuples, lists, dicts -------------------------------


class Pair(NamedTuple):
    a: Any
    b: Any


def loop(p):
    total = 0.0
    for t in range(len(p["x"])):
        total += p["x"][t] * p["pair"][0] ** t
    while total > 4.0:
        total = total / p["pair"][1][0]
    return total


def branch(p):
    x = p["x"]
    if x[0] > x[1]:
        return np.sum(x**3)
    return np.sin(x[0]) * x[1] if p["pair"][0] > 5.0 else p["pair"][0] * np.sum(x**2)


def recursion(p):
    def power(y, n):
        return y if n == 1 else y * power(y, n - 1)

    return np.sum(power(p["x"], 4)) + power(p["pair"][0], 3)


def closure(p):
    steps = [lambda y, c=c: y * c + p["pair"][0] for c in p["pair"][1]]
    y = p["x"]
    for step in steps:
        y = step(y)
    return np.sum(y**2)


def containers(p):
    rows = [p["x"] * k for k in range(3)]
    rows.append(p["x"] + p["pair"][1][1])
    named = Pair(rows[-1], {"inner": (rows[1], p["pair"][0])})
    return np.sum(named.a * named.b["inner"][0]) * named.b["inner"][1]


def moved(p: Any, k: int, h: float) -> Any:
    """The parameters with the k-th of their numbers moved."""
    x = p["x"].copy()
    numbers = [p["pair"][0], *p["pair"][1]]
    if k < len(x):
        x[k] += h
    else:
        numbers[k - len(x)] += h
    return {"x": x, "pair": (numbers[0], numbers[1:])}


@pytest.mark.parametrize("f", [loop, branch, recursion, closure, containers], ids=lambda f: f.__name__)  # fmt: skip
def test_j11_the_language(f: Any) -> None:
    p = {"x": np.array([0.7, 1.9, -0.4]), "pair": (1.3, [1.1, 0.8])}
    found = srcdiff.grad(f, jit=False)(p)
    assert set(found) == {"x", "pair"}
    assert isinstance(found["pair"], tuple)
    assert isinstance(found["pair"][1], list)
    flat = [*found["x"], found["pair"][0], *found["pair"][1]]
    for k, mine in enumerate(flat):
        slope = (f(moved(p, k, 1e-6)) - f(moved(p, k, -1e-6))) / 2e-6
        assert mine == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_j11_results_are_nested_too() -> None:
    def both(x):
        return {"sums": (np.sum(x**2), [np.sin(x), x[0] * x[1]])}

    x = np.array([0.3, 0.8])
    found = srcdiff.jacobian(both, jit=False)(x)
    assert found["sums"][0] == pytest.approx(2.0 * x)
    assert found["sums"][1][0] == pytest.approx(np.diag(np.cos(x)))
    assert found["sums"][1][1] == pytest.approx(x[::-1])


def test_j12_what_cannot_be_seen_is_reported() -> None:
    """No source, text that is run, a call that is not known in a branch that is not taken."""
    text = (TESTS.parent / "docs" / "language.md").read_text()
    assert "three ways to a derivative" in text
    hidden: dict[str, Any] = {}
    exec("def square(x): return x * x", hidden)
    with pytest.raises(srcdiff.SourceNotFoundError, match="the source of 'square' cannot be found"):
        srcdiff.grad(hidden["square"])(2.0)

    def never(x):
        return np.trim_zeros(np.array([x]))[0] if x < -1e9 else x * x

    with pytest.raises(srcdiff.UnsupportedError, match="`trim_zeros` is not known"):
        srcdiff.grad(never)(2.0)


# ---- J14, J15: cross with axes, sort with ties; fan-out --------------------------------------------


def test_j14_cross_and_sort() -> None:
    rng = np.random.default_rng(14)
    x, y, w = rng.normal(size=(3, 4)), rng.normal(size=(4, 3)), rng.normal(size=(3, 4))

    def crossed(x):
        return np.sum(w * np.cross(x, y, axisa=0, axisb=1, axisc=0))

    found = srcdiff.grad(crossed, jit=False)(x)
    assert found == pytest.approx(np.cross(y, w, axisa=1, axisb=0, axisc=0))
    weights = np.array([1.0, 2.0, 4.0, 8.0])
    found = srcdiff.grad(lambda x: np.sort(x) @ weights, jit=False)(np.array([3.0, 1.0, 3.0, 1.0]))
    assert list(found) == [4.0, 1.0, 8.0, 2.0]  # of equal ones, the first is sorted first


def test_j15_what_is_used_twice_and_what_is_not() -> None:
    g = srcdiff.grad(lambda x, z: np.sum(x * np.sin(x) + x), argnums=(0, 1), jit=False)
    x, z = np.array([0.4, 1.1]), np.ones((2, 3))
    with pytest.warns(srcdiff.IndependentWarning):
        d_x, d_z = g(x, z)
    assert d_x == pytest.approx(np.sin(x) + x * np.cos(x) + 1.0)
    assert np.array_equal(d_z, np.zeros((2, 3)))
    assert len(re.findall(r"np\.sin\(x\)", g.source)) == 1


# ---- J17: forward mode ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_j17_forward_mode_is_the_transpose() -> None:
    """`<u, J v>` either way, of each sample of each operation."""
    far = []
    for decl, k in REVERSIBLE:
        values, sample = values_of(decl, k)
        rng = np.random.default_rng(300 + k)
        with np.errstate(all="ignore"):
            out = apply(decl, values, sample.attrs)
            d_outs = [np.asarray(direction(rng, p)) for p in parts(out)]
            if decl.name == "slogdet":
                d_outs[0] = np.array(0.0)  # the sign's
            given = [d if d.ndim else d.item() for d in d_outs]
            d_out = given if isinstance(out, list) else tuple(given) if isinstance(out, tuple) else given[0]  # fmt: skip
            back = contributions(decl, values, sample.attrs, out, d_out)
            moves = [direction(rng, v) if j in sample.wrt else None for j, v in enumerate(values)]
            ahead = parts(forward(decl, values, sample.attrs, out, moves))
        one = sum(float(np.sum(np.broadcast_to(a, d.shape) * d).real) for a, d in zip(ahead, d_outs, strict=True))  # fmt: skip
        other = sum(float(np.sum(back[j] * moves[j]).real) for j in sample.wrt)
        if one != pytest.approx(other, rel=1e-9, abs=1e-10):
            far.append((decl.name, k, one, other))
    assert not far
    assert len(REVERSIBLE) > 300
