"""The GradBench tool, driven over its pipes as GradBench drives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_written import by_hand, interpreted

from benchmarks.problems import ba, det, gmm, hand, kmeans, llsq, lse, lstm, ode

TOOL = Path(__file__).parents[2] / "benchmarks" / "gradbench_tool.py"


def evaluate(module: str, function: str, given: Any) -> dict[str, Any]:
    return {"kind": "evaluate", "module": module, "function": function, "input": given}


def talk(messages: list[dict[str, Any]], jit: bool = True) -> list[dict[str, Any]]:
    """The answers to messages, which get their ids here."""
    lines = [json.dumps({"id": k, **message}) for k, message in enumerate(messages)]
    done = subprocess.run(
        [sys.executable, str(TOOL)],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ if jit else {**os.environ, "SRCDIFF_JIT": "0"},
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["id"] for a in answers] == list(range(len(messages)))
    return answers


def names(module: str) -> tuple[str, str]:
    """What an eval calls the value and the gradient."""
    short = module in ("llsq", "lse", "ode")
    return ("primal", "gradient") if short else ("objective", "jacobian")


def lists(args: tuple[Any, ...], keys: str) -> dict[str, Any]:
    return {n: np.asarray(a).tolist() for n, a in zip(keys.split(), args, strict=False)}


def small_inputs() -> dict[str, Any]:
    gmm_args = gmm.make(**gmm.SMALL)
    camera, point, weight, feature = (a[0].tolist() for a in ba.make(**ba.SMALL))
    return {
        "gmm": {**gmm.SMALL, **lists(gmm_args, "alpha mu q l x gamma m")},
        "ba": {"n": 2, "m": 3, "p": 5, "cam": camera, "x": point, "w": weight, "feat": feature},
        "lstm": lists(lstm.make(**lstm.SMALL), "main_params extra_params state sequence"),
        "llsq": lists(llsq.make(**llsq.SMALL), "x n"),
        "lse": lists(lse.make(**lse.SMALL), "x"),
        "ode": lists(ode.make(**ode.SMALL), "x s"),
    }


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], Any]:
    """The outputs of every function of every module, at small sizes, in one session."""
    wanted = [
        (module, function, given)
        for module, given in small_inputs().items()
        for function in names(module)
    ]
    found = talk([evaluate(*message) for message in wanted])
    assert all(a["success"] for a in found), [a.get("error") for a in found if not a["success"]]
    return {(w[0], w[1]): a["output"] for w, a in zip(wanted, found, strict=True)}


@pytest.mark.long
def test_a_session_of_the_first_eval() -> None:
    start, defined, squared, noted, doubled = talk(
        [
            {"kind": "start", "eval": "hello"},
            {"kind": "define", "module": "hello"},
            evaluate("hello", "square", 3.0),
            {"kind": "analysis", "of": 2, "valid": True},
            evaluate("hello", "double", 3.0),
        ]
    )
    assert start == {"id": 0, "tool": "srcdiff"}
    assert defined == {"id": 1, "success": True}
    assert (squared["output"], doubled["output"]) == (9.0, 6.0)
    assert noted == {"id": 3}
    assert [t["name"] for t in squared["timings"]] == ["evaluate"]


def test_what_is_not_there_is_answered_and_the_session_goes_on() -> None:
    unknown, failed, thrice = talk(
        [
            {"kind": "define", "module": "sudoku"},
            evaluate("lse", "primal", {"y": []}),
            evaluate("lse", "primal", {"x": [0.0, 0.0], "min_runs": 3, "min_seconds": 0}),
        ]
    )
    assert unknown["success"] is False and "sudoku" in unknown["error"]
    assert failed["success"] is False and "KeyError" in failed["error"]
    assert thrice["output"] == pytest.approx(np.log(2.0)) and len(thrice["timings"]) == 3


@pytest.mark.parametrize("problem", [gmm, lstm, llsq, lse])
def test_outputs_are_those_written_by_hand(
    answers: dict[tuple[str, str], Any], problem: Any
) -> None:
    name = problem.__name__.split(".")[-1]
    _, value, gradient = by_hand(name)
    assert answers[name, names(name)[0]] == pytest.approx(value)
    found = answers[name, names(name)[1]]
    if name == "gmm":
        for part, expected in zip(found.values(), gradient, strict=True):
            np.testing.assert_allclose(part, expected, rtol=1e-9, atol=1e-12)
        return
    parts = gradient if isinstance(gradient, tuple) else (gradient,)
    expected = np.concatenate([g.ravel() for g in parts])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_the_blocks_of_bundle_adjustment_stand_in_compressed_rows(
    answers: dict[tuple[str, str], Any],
) -> None:
    given = small_inputs()["ba"]
    found = answers["ba", "jacobian"]
    args = [np.array([given[n]]) for n in ("cam", "x", "w", "feat")]
    _, blocks = interpreted(ba.hand)(*args)
    np.testing.assert_allclose(found["vals"], [*blocks.ravel(), -2.0 * given["w"]], rtol=1e-9)
    assert found["cols"][:15] == [*range(11), 22, 23, 24, 31]
    assert found["cols"][-1] == 35 and found["rows"][:3] == [0, 15, 30] and found["rows"][-1] == 155
    assert answers["ba", "objective"]["reproj_error"]["repeated"] == 5


def test_the_gradient_of_the_ode_is_that_of_its_last_entry(
    answers: dict[tuple[str, str], Any],
) -> None:
    x, s = ode.make(**ode.SMALL)
    step = 1e-6
    expected = [
        (ode.solve(x + step * e, s)[-1] - ode.solve(x - step * e, s)[-1]) / (2 * step)
        for e in np.eye(len(x))
    ]
    np.testing.assert_allclose(answers["ode", "gradient"], expected, atol=1e-8)
    np.testing.assert_allclose(answers["ode", "primal"], ode.solve(x, s))


# ---- evals without a hand-written gradient here ------------------------------------------------------

POINTS, CENTROIDS = kmeans.make(**kmeans.SMALL)
MATRIX, LENGTH = det.make(**det.SMALL)
THETA, US, MODEL, PLACES, TRIANGLES, MEASURED = hand.make(**hand.SMALL)


def hand_message(us: Any) -> dict[str, Any]:
    """The model has a triangle for each point."""
    parents, relatives, inverses, base, weights, is_mirrored = MODEL
    model = {
        **lists((parents, relatives, inverses), "parents base_relatives inverse_base_absolutes"),
        **lists((base, weights, TRIANGLES), "base_positions weights triangles"),
        "is_mirrored": is_mirrored,
    }
    places = np.arange(len(PLACES)) if len(us) else PLACES
    data = {"model": model, **lists((places, MEASURED), "correspondences points")}
    return {"theta": THETA.tolist(), "us": us.tolist(), "data": data}


@pytest.fixture(scope="module")
def further() -> dict[str, Any]:
    """The outputs of the other evals, interpreted: some of them take a while to compile."""
    points = lists((POINTS, CENTROIDS), "points centroids")
    matrix = {"A": MATRIX.ravel().tolist(), "ell": LENGTH}
    wanted = [
        *(("kmeans", name, points) for name in ("cost", "dir")),
        *(("det", name, matrix) for name in ("primal", "gradient")),
        *(("particle", modes, {"w": 0.0}) for modes in ("ff", "fr", "rf", "rr")),
        *(("saddle", modes, {"start": [1.0, 1.0]}) for modes in ("fr", "rf")),
        ("ht", "objective", hand_message(US[:0])),
        ("ht", "jacobian", hand_message(US)),
    ]
    found = talk([evaluate(*message) for message in wanted], jit=False)
    assert all(a["success"] for a in found), [a.get("error") for a in found if not a["success"]]
    return {
        f"{module} {function}": a["output"]
        for (module, function, _), a in zip(wanted, found, strict=True)
    }


@pytest.mark.long
def test_the_direction_of_k_means_leads_to_the_means(further: dict[str, Any]) -> None:
    squares = np.sum((POINTS[:, None] - CENTROIDS) ** 2, axis=2)
    means = [POINTS[np.argmin(squares, axis=1) == k].mean(axis=0) for k in range(len(CENTROIDS))]
    assert further["kmeans cost"] == pytest.approx(np.sum(np.min(squares, axis=1)))
    np.testing.assert_allclose(further["kmeans dir"], CENTROIDS - means, atol=1e-12)


def test_the_gradient_of_the_determinant_has_the_cofactors(further: dict[str, Any]) -> None:
    expected = np.linalg.det(MATRIX)
    assert further["det primal"] == pytest.approx(expected)
    np.testing.assert_allclose(
        further["det gradient"], (expected * np.linalg.inv(MATRIX).T).ravel(), rtol=1e-10
    )


def test_nested_descents_end_where_gradbench_says(further: dict[str, Any]) -> None:
    for modes in ("ff", "fr", "rf", "rr"):
        assert further[f"particle {modes}"] == pytest.approx(0.2071918746486116, rel=1e-10)
    for modes in ("fr", "rf"):
        np.testing.assert_allclose(further[f"saddle {modes}"], [8.246324826140356e-06] * 4)


def test_the_hand_s_jacobian_agrees_with_differences(further: dict[str, Any]) -> None:
    args = MODEL, TRIANGLES, MEASURED
    found = np.array(further["ht jacobian"])
    np.testing.assert_allclose(
        further["ht objective"], hand.simple(THETA, MODEL, PLACES, MEASURED), rtol=1e-12
    )
    step = 1e-6
    for k in range(26):
        move = step * (np.arange(26) == k)
        ahead, back = (hand.complicated(THETA + s * move, US, *args) for s in (1, -1))
        np.testing.assert_allclose(found[:, 2 + k], (ahead - back) / (2 * step), atol=1e-8)
    for k in range(2):
        move = step * (np.arange(2) == k)
        ahead, back = (hand.complicated(THETA, US + s * move, *args) for s in (1, -1))
        np.testing.assert_allclose(found[:, k], (ahead - back) / (2 * step), atol=1e-8)
