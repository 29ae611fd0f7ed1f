"""Writes the generated files of `docs/gallery`: inference algorithms, from the source of a log Z.

    python tools/gallery.py

`tests/documentation/test_gallery.py` compares the files with what this makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp

import srcdiff
from srcdiff.expfam import lds
from srcdiff.expfam.sequence.kalman import lds_log_Z

FOLDER = Path(__file__).parent.parent / "docs" / "gallery"


def log_Z(log_pi, log_A, log_B, data):
    log_alpha = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def hmm_arguments() -> tuple[Any, ...]:
    """Parameters and data of a hidden Markov model with three states."""
    rng = np.random.default_rng(4)
    log_pi = np.log([0.5, 0.3, 0.2])
    log_A, log_B = np.log(rng.dirichlet(np.ones(3), 3)), np.log(rng.dirichlet(np.ones(4), 3))
    return log_pi, log_A, log_B, np.array([0, 3, 1, 1, 2, 0])


def system() -> dict[str, Any]:
    """A linear dynamical system with two states, and five observations of one number."""
    return {
        "y": np.array([[0.3], [1.1], [0.2], [-0.7], [-0.4]]),
        "m1": np.array([0.1, 0.0]),
        "P1": np.array([[1.0, 0.2], [0.2, 0.8]]),
        "A": np.array([[0.9, 0.3], [-0.2, 0.8]]),
        "Q": np.array([[0.3, 0.1], [0.1, 0.4]]),
        "C": np.array([[1.0, 0.5]]),
        "R": np.array([[0.2]]),
    }


def pages() -> Iterator[tuple[str, str]]:
    """Names of files, and what stands in them."""
    given, wrt = hmm_arguments(), (0, 1, 2)
    yield "forward_backward.py", srcdiff.value_and_grad(log_Z, argnums=wrt).source_for(*given)
    best = srcdiff.transform(log_Z, "semiring", semiring="argmax", argnums=wrt)
    yield "viterbi.py", best.source_for(*given)
    drawn = srcdiff.transform(log_Z, "semiring", semiring="sample", argnums=wrt)
    yield "backward_sampling.py", drawn.source_for(*given, np.random.default_rng(0))
    smoother = srcdiff.value_and_grad(lds_log_Z)
    yield "kalman_smoother.py", smoother.source_for(lds.natural(**system()))


def main() -> None:
    for name, text in pages():
        (FOLDER / name).write_text(text.rstrip() + "\n", encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
