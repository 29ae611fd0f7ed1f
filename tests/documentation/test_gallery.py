"""The gallery's files are what is generated today, and do what the textbooks' versions do."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcdiff.expfam import lds

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "gallery"


def module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"gallery_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


gallery = module(ROOT / "tools" / "gallery.py")
textbook = module(FOLDER / "textbook.py")
LOG_PI, LOG_A, LOG_B, DATA = gallery.hmm_arguments()
P = np.exp(LOG_PI), np.exp(LOG_A), np.exp(LOG_B)


def function(name: str) -> Any:
    (made,) = (f for k, f in vars(module(FOLDER / name)).items() if k.startswith(("log_Z", "lds_")))
    return made


def test_the_files_are_what_is_generated() -> None:
    for name, text in gallery.pages():
        stored = (FOLDER / name).read_text(encoding="utf-8")
        assert stored.rstrip() == text.rstrip(), f"{name}: run `python tools/gallery.py`"
        assert f"({name})" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_forward_backward_counts_as_the_textbook_does() -> None:
    value, counts = function("forward_backward.py")(LOG_PI, LOG_A, LOG_B, DATA)
    wanted, theirs = textbook.forward_backward(*P, DATA)
    assert value == pytest.approx(wanted)
    for mine, other in zip(counts, theirs, strict=True):
        assert mine == pytest.approx(other)


def test_viterbi_takes_the_textbooks_path() -> None:
    score, (starts, moves, emitted) = function("viterbi.py")(LOG_PI, LOG_A, LOG_B, DATA)
    wanted, path = textbook.viterbi(LOG_PI, LOG_A, LOG_B, DATA)
    assert score == pytest.approx(wanted)
    assert np.argmax(starts) == path[0]
    expected_moves, expected_emissions = np.zeros((3, 3)), np.zeros((3, 4))
    np.add.at(expected_moves, (path[:-1], path[1:]), 1.0)
    np.add.at(expected_emissions, (path, DATA), 1.0)
    assert np.array_equal(moves, expected_moves)
    assert np.array_equal(emitted, expected_emissions)


def test_draws_are_distributed_as_the_textbooks() -> None:
    n, draw = 1500, function("backward_sampling.py")
    rng, other = np.random.default_rng(1), np.random.default_rng(2)
    moves = np.array([draw(LOG_PI, LOG_A, LOG_B, DATA, rng)[1][1] for _ in range(n)])
    theirs = np.zeros((n, 3, 3))
    for k in range(n):
        path = textbook.backward_sampling(*P, DATA, other)
        np.add.at(theirs[k], (path[:-1], path[1:]), 1.0)
    error = np.sqrt((moves.var(axis=0) + theirs.var(axis=0)) / n)
    assert np.all(np.abs(moves.mean(axis=0) - theirs.mean(axis=0)) < 4.5 * error)


def test_the_smoother_has_the_textbooks_moments() -> None:
    system = gallery.system()
    _, moments = function("kalman_smoother.py")(lds.natural(**system))
    found = lds.usual(moments)
    mean, covariance = textbook.kalman_smoother(**system)
    assert found["mean"] == pytest.approx(mean)
    assert found["covariance"] == pytest.approx(covariance)
