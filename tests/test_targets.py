"""The target programs: right to 1e-9, as short as by hand, nothing assigned in vain, and what is stored in numbers."""

from __future__ import annotations

import ast
import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from corpus_loader import Program, flatten, load

import srcdiff

TARGETS = {p.name: p for p in load("targets")}


def generated(name: str) -> srcdiff.Generated:
    program = TARGETS[name]
    return srcdiff.value_and_grad(program.function, argnums=program.wrt)


def source(name: str) -> str:
    return generated(name).source_for(*TARGETS[name].arguments(0))


def statements(tree: ast.AST) -> int:
    """Statements in functions, `def` included, docstrings left out."""
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            has_doc = ast.get_docstring(node) is not None
            count += (
                1
                + sum(isinstance(inner, ast.stmt) for s in node.body for inner in ast.walk(s))
                - has_doc
            )
    return count


def by_hand(program: Program) -> int:
    """Statements of the target's own gradient code: everything between the marked line and the example."""
    with open(program.module.__file__ or "") as file:
        text = file.read()
    tree = ast.parse(text)
    start = next(k for k, line in enumerate(text.splitlines(), 1) if line.startswith("# ----"))
    wanted = [
        n
        for n in tree.body
        if isinstance(n, ast.FunctionDef) and n.lineno > start and not n.name.startswith("_")
    ]
    return sum(statements(ast.Module([n], [])) for n in wanted)


def derivative_functions(text: str) -> ast.Module:
    """The functions that the compiler made (helpers of the user's that are repeated as they are do not count)."""
    tree = ast.parse(text)
    made = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    return ast.Module([n for n in made if n.name.endswith(("_value_and_grad", "_backward"))], [])


@pytest.mark.parametrize("name", TARGETS)
def test_values_and_gradients_equal_the_targets_own_code(name: str) -> None:
    program = TARGETS[name]
    g = generated(name)
    own = program.target_value_and_grad()
    for i in range(len(program.examples)):
        with np.errstate(all="ignore"):
            value, gradient = g(*program.arguments(i))
            expected_value, expected = own(*program.arguments(i))
        np.testing.assert_allclose(value, expected_value, rtol=1e-12)
        a, b = flatten(gradient), flatten(expected)
        assert np.all(np.isfinite(a))
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * max(1.0, float(np.max(np.abs(b)))))


@pytest.mark.parametrize("name", TARGETS)
def test_generated_code_is_at_most_a_quarter_longer_than_by_hand(name: str) -> None:
    made, hand = statements(derivative_functions(source(name))), by_hand(TARGETS[name])
    assert made <= 1.25 * hand, f"{made} statements, {hand} by hand:\n{source(name)}"


def assigned_and_read(function: ast.FunctionDef) -> tuple[set[str], set[str]]:
    stored, loaded = set(), set()
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            (stored if isinstance(node.ctx, ast.Store) else loaded).add(node.id)
            continue
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            stored.add(node.target.id)
    return stored, loaded


@pytest.mark.parametrize("name", TARGETS)
def test_no_name_is_assigned_and_not_read(name: str) -> None:
    for function in derivative_functions(source(name)).body:
        assert isinstance(function, ast.FunctionDef)
        stored, loaded = assigned_and_read(function)
        assert stored - loaded <= {"_"}


@pytest.mark.parametrize("name", TARGETS)
def test_only_numpy_and_scipy_are_imported(name: str) -> None:
    roots = {
        n.names[0].name if isinstance(n, ast.Import) else n.module
        for n in ast.parse(source(name)).body
        if isinstance(n, ast.Import | ast.ImportFrom)
    }
    assert {str(r).partition(".")[0] for r in roots} <= {"numpy", "scipy"}


# ---- what is stored ---------------------------------------------------------------------------------------


def allocations(text: str) -> Iterator[str]:
    """The names of arrays and lists that are filled in the forward part and only read in the backward part."""
    tree = derivative_functions(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
            is_list = isinstance(value, ast.List) and not value.elts
            is_empty = isinstance(value, ast.Call) and ast.unparse(value.func) == "np.empty"
            if (is_list or is_empty) and not name.startswith("d_"):
                yield name


def stored_doubles(name: str, example: int = 0) -> dict[str, int]:
    """For each array or list that the generated code keeps for the way back: how many numbers it holds in the end."""
    text = source(name)
    names = list(allocations(text))
    spy = text
    for function in ast.parse(text).body:
        if isinstance(function, ast.FunctionDef) and function.name.endswith("_value_and_grad"):
            last = function.body[-1]
            lines = spy.splitlines()
            lines.insert(
                last.lineno - 1, f"    _seen.update({{{', '.join(f'{n!r}: {n}' for n in names)}}})"
            )
            spy = "\n".join(lines)
    seen: dict[str, object] = {}
    space: dict[str, object] = {"_seen": seen}
    exec(compile(spy, "<spy>", "exec"), space)
    g = next(v for k, v in space.items() if k.endswith("_value_and_grad"))
    with np.errstate(all="ignore"):
        g(*TARGETS[name].arguments(example))  # type: ignore[operator]
    return {
        k: sum(np.size(x) for x in v) if isinstance(v, list) else int(np.size(v))
        for k, v in seen.items()
    }  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["heat", "logistic_regression", "bayes_logreg", "sum_of_squares"])
def test_nothing_is_stored(name: str) -> None:
    assert not list(allocations(source(name)))


def test_the_hmm_stores_one_message_for_each_step() -> None:
    log_pi, _, _, data = TARGETS["hmm"].arguments(0)
    assert stored_doubles("hmm") == {"log_alphas": (len(data) - 1) * len(log_pi)}


def test_burgers_stores_each_overwritten_value_once() -> None:
    u0, _, steps = TARGETS["burgers"].arguments(0)
    assert list(stored_doubles("burgers").values()) == [steps * len(u0)]


def test_kepler_keeps_one_number_an_iteration() -> None:
    for example in range(3):
        iterations = 0

        def count(mean_anomaly: float, e: float, tol: float) -> int:
            anomaly, made = mean_anomaly, 0
            while True:
                step = (anomaly - e * math.sin(anomaly) - mean_anomaly) / (
                    1.0 - e * math.cos(anomaly)
                )
                step = min(step, 1.0)
                anomaly -= step
                made += 1
                if abs(step) < tol:
                    return made

        iterations = count(*TARGETS["kepler"].arguments(example))
        assert list(stored_doubles("kepler", example).values()) == [iterations]


def test_the_hmm_is_forward_backward() -> None:
    """One message, one stored array, two loops."""
    tree = derivative_functions(source("hmm"))
    kinds = Counter(type(n).__name__ for n in ast.walk(tree))
    assert kinds["For"] == 2 and kinds["While"] == 0
    assert len(list(allocations(source("hmm")))) == 1
    loops = [n for n in ast.walk(tree) if isinstance(n, ast.For)]
    backward = ast.unparse(loops[1])
    assert "d_log_alpha = np.sum" in backward and "d_log_alphas" not in backward
