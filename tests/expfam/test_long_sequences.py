"""Long sequences: peak memory, finite gradients, and standard errors beside a bootstrap."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

import srcdiff
from srcdiff import expfam
from srcdiff.expfam.sequence import chains

MEASURED = """
import sys
import numpy as np
from scipy.special import logsumexp
import srcdiff
from srcdiff.expfam.sequence.chains import hmm_log_Z


def checkpointed(eta, data):
    log_pi, log_A, log_B = eta
    log_alpha = log_pi + log_B[:, data[0]]
    for t in srcdiff.checkpointed(range(1, len(data)), slots=1000):
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, data[t]]
    return logsumexp(log_alpha)


def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024


rng = np.random.default_rng(0)
log_rows = lambda *shape: np.log(rng.dirichlet(np.ones(shape[-1]), size=shape[:-1]))
eta = log_rows(16), log_rows(16, 16), log_rows(16, 32)
data = rng.integers(0, 32, 1_000_000)
e_step = srcdiff.value_and_grad({"stored": hmm_log_Z, "checkpointed": checkpointed}[sys.argv[1]], jit=True)
e_step(eta, data[:5000])
before = peak()
log_Z, (starts, moves, emissions) = e_step(eta, data)
assert np.isfinite(log_Z)
assert abs(moves.sum() / 999_999 - 1.0) < 1e-8
assert abs(emissions.sum() / 1_000_000 - 1.0) < 1e-8
print((peak() - before) / 8)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of a process")
@pytest.mark.parametrize(
    ("how", "most"),
    [("stored", 2.5 * 16 * 1_000_000), ("checkpointed", 40 * 16 * 1000)],  # in doubles
)
def test_a_million_times_take_little_memory(how: str, most: float, tmp_path: Any) -> None:
    program = (
        tmp_path / "measured.py"
    )  # a process of its own, so that the peak is that of this call
    program.write_text(MEASURED, encoding="utf-8")
    run = subprocess.run([sys.executable, program, how], capture_output=True, text=True, check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) <= most


# ---- standard errors --------------------------------------------------------------------------------------


def free(theta: Any) -> Any:
    """Normalised parameters of free ones: two numbers for each row of three, the last is its reference."""
    rows = lambda t: t - logsumexp(t, axis=1)[:, None]
    columns = np.zeros((3, 3))
    columns[:, :2] = theta[:6].reshape(3, 2)
    emitted = np.zeros((3, 4))
    emitted[:, :3] = theta[6:].reshape(3, 3)
    return np.log(np.full(3, 1.0 / 3.0)), rows(columns), rows(emitted)


def log_likelihood(theta, data):
    log_pi, log_A, log_B = free(theta)
    log_alpha = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def newton(theta: Any, data: Any, slope: Any, curvature: Any) -> Any:
    """The maximum near `theta`."""
    for _ in range(30):
        step = np.linalg.solve(-curvature(theta, data), slope(theta, data))
        theta = theta + step * min(1.0, 2.0 / np.abs(step).max())
        if np.abs(step).max() < 1e-9:
            break
    return theta


@pytest.mark.slow
def test_standard_errors_of_a_fit_are_those_of_a_bootstrap() -> None:
    rng = np.random.default_rng(4)
    A = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
    B = np.array([[0.8, 0.1, 0.05, 0.05], [0.05, 0.8, 0.1, 0.05], [0.05, 0.05, 0.1, 0.8]])
    theta = np.concatenate([(np.log(A) - np.log(A[:, 2:]))[:, :2].ravel(), (np.log(B) - np.log(B[:, 3:]))[:, :3].ravel()])  # fmt: skip
    slope = srcdiff.grad(log_likelihood, jit=True)
    curvature = srcdiff.hessian(log_likelihood, jit=True)

    def drawn(theta: Any, n: int = 2000) -> Any:
        _, log_A, log_B = free(theta)
        upto_A, upto_B = (np.cumsum(np.exp(rows), axis=1) for rows in (log_A, log_B))
        state, found = rng.integers(3), np.empty(n, int)
        for t, (u, v) in enumerate(rng.random((n, 2))):
            state = min(int(np.searchsorted(upto_A[state], u)), 2) if t else state
            found[t] = min(int(np.searchsorted(upto_B[state], v)), 3)
        return found

    data = drawn(theta)
    fitted = newton(theta, data, slope, curvature)
    information = -curvature(fitted, data)
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    again = np.array([newton(fitted, drawn(fitted), slope, curvature) for _ in range(400)])
    spread = np.percentile(
        again, [15.87, 84.13], axis=0
    )  # a few of the 400 have a row on the boundary
    found = 0.5 * (spread[1] - spread[0])
    assert np.mean(np.abs(errors / found - 1.0)) < 0.1
    # the Hessian is Louis' information: what is known with the states, less what is lost without
    louis = expfam.observed_information(chains.hmm_log_Z, chains.hmm_joint_log_Z)
    jacobian = srcdiff.jvp(free, (fitted,), (np.eye(15)[0],), jit=False)[1]
    moved = louis(free(fitted), data, jacobian)
    by_louis = sum(np.sum(m * j) for m, j in zip(moved, jacobian, strict=True))
    assert by_louis == pytest.approx(information[0, 0], rel=0.05)
