"""Compiled code, and code loaded from the cache, have the same instructions."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from srcdiff.cache.machine_code import load_compiled

SHARED_OUT = """
from numba import njit, prange


@njit(parallel=True)
def squares(x, y):
    for i in prange(len(x)):
        y[i] = x[i] * x[i]
"""

PROGRAM = """
import numpy as np


def rows(a, w):
    total = 0.0
    for i in range(a.shape[0]):
        s = 0.0
        for j in range(a.shape[1]):
            s += np.tanh(a[i, j] * w[j])
        total += np.log1p(s * s)
    return total
"""

RUN = """
import hashlib
import sys
import numpy as np
import srcdiff
from model import rows

rng = np.random.default_rng(0)
g = srcdiff.value_and_grad(rows, argnums=(0, 1), jit=True, parallel=2)
value, (d_a, d_w) = g(rng.normal(size=(2000, 100)), rng.normal(size=100))
bits = hashlib.sha256(d_a.tobytes() + d_w.tobytes()).hexdigest()
print("generated" if "srcdiff.compile.build" in sys.modules else "found", float(value).hex(), bits)
"""


def test_no_other_definition_stands_in_for_a_copy() -> None:
    compiled = load_compiled(SHARED_OUT, "squares", {})
    x, y = np.arange(4.0), np.zeros(4)
    compiled(x, y)
    np.testing.assert_array_equal(y, x * x)
    (form,) = compiled.overloads.values()
    defined = {f.name: f.linkage.name for f in form.library.get_defined_functions()}
    assert {*defined.values()} == {"external", "internal"}
    assert any("gufunc" in name for name in defined)


@pytest.mark.slow
def test_threads_give_the_same_bits_compiled_and_found(tmp_path) -> None:
    (tmp_path / "model.py").write_text(PROGRAM)
    env = {**os.environ, "SRCDIFF_CACHE": str(tmp_path / "cache"), "NUMBA_NUM_THREADS": "2"}
    (how, *made), (then, *found) = (
        subprocess.run(
            [sys.executable, "-c", RUN],
            cwd=tmp_path, env=env, check=True, capture_output=True, text=True, timeout=240,
        ).stdout.split()
        for _ in range(2)
    )  # fmt: skip
    assert (how, then) == ("generated", "found")
    assert found == made
