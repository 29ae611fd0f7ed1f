"""Generated inference as files, and as programs that are differentiated again (rows J9 and J16)."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff import expfam

SCRIPT = """
import sys
sys.modules["srcdiff"] = None  # an import of it raises
import numpy as np
from saved import hmm_log_Z_value_and_grad as e_step
value, counts = e_step((np.zeros(2), np.zeros((2, 2)), np.zeros((2, 3))), np.array([0, 2, 1]))
print(value, counts[1].sum())
"""


def test_a_saved_e_step_runs_where_srcdiff_is_not_installed(tmp_path: Path) -> None:
    eta, data = (np.zeros(2), np.zeros((2, 2)), np.zeros((2, 3))), np.array([0, 2, 1])
    expfam.hmm.e_step.save(tmp_path / "saved.py", eta, data)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [float(x) for x in done.stdout.split()] == pytest.approx([3 * np.log(2.0), 2.0])


def imported(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def chain(x):
    """The log-partition function of a chain of three spins, of one coupling."""
    log_alpha = np.zeros(2)
    for _ in range(2):
        up = np.logaddexp(log_alpha[0] + x, log_alpha[1] - x)
        down = np.logaddexp(log_alpha[0] - x, log_alpha[1] + x)
        log_alpha = np.array([up, down])
    return np.logaddexp(log_alpha[0], log_alpha[1])


@pytest.mark.long
def test_generated_files_are_differentiated_to_order_four(tmp_path: Path) -> None:
    """log Z is log 2 + 2 log(2 cosh x), whose derivatives are polynomials in tanh x."""
    x = 0.3
    t = np.tanh(x)
    s = 1.0 - t**2
    wanted = [2 * t, 2 * s, -4 * t * s, 2 * s * (6 * t**2 - 2)]
    f: Any = chain
    assert f(x) == pytest.approx(np.log(2.0) + 2 * np.log(2 * np.cosh(x)))
    for order, value in enumerate(wanted, 1):
        path = srcdiff.grad(f, jit=False).save(tmp_path / f"order_{order}.py", x)
        f = getattr(imported(path), f"{f.__name__}_grad")
        assert f(x) == pytest.approx(value, rel=1e-12)


def test_a_file_may_need_numpy_alone(tmp_path: Path) -> None:
    """Row J9 to the letter: SciPy is kept out of the process that runs it."""
    rng = np.random.default_rng(8)
    eta = rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=(3, 2))
    eta[1][0, 1] = eta[0][2] = -np.inf
    data = np.array([0, 1, 1, 0, 1])
    saved = expfam.hmm.e_step.save(tmp_path / "alone.py", eta, data, form="numpy")
    assert "NumPy and nothing else" in saved.read_text()
    np.savez(tmp_path / "given.npz", *eta)
    code = (
        "import sys; sys.modules['scipy'] = None\n"
        "import numpy as np, alone\n"
        "f = np.load('given.npz'); eta = tuple(f[k] for k in f.files)\n"
        "value, counts = alone.hmm_log_Z_value_and_grad(eta, np.array([0, 1, 1, 0, 1]))\n"
        "np.savez('found.npz', value, *counts)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    value, counts = expfam.hmm.e_step(eta, data)
    with np.load(tmp_path / "found.npz") as found:
        for name, wanted in zip(found.files, (value, *counts), strict=True):
            np.testing.assert_allclose(found[name], wanted, rtol=0, atol=1e-12)
    with pytest.raises(srcdiff.DifferentiationError, match="psi, which NumPy does not have"):
        expfam.gamma.mean.save(tmp_path / "no.py", (1.0, -1.0), form="numpy")
