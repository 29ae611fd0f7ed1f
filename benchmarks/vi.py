"""Bayesian logistic regression by vi.fit and by hand, side by side: steps per second, and the time to the first step.

    python -m benchmarks.vi [--rounds 5] [--steps 1500] [--numpyro PYTHON] [--pymc PYTHON]

N = 10**4 rows, D = 50 columns, mean field, float64, full batches, one draw a step, Adam. By hand: NumPy with one pass
of Numba over the rows, written as one would. The two alternate, so that other work of the machine slows both;
the ratio is what counts. Both end at the same numbers, which is asserted. With `--numpyro` or `--pymc`, an interpreter
that has it is timed as well (`benchmarks/peers/numpyro_vi.py`, `pymc_vi.py`).
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

N, D = 10_000, 50
PEERS = ("NumPyro", "PyMC")


def data(seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D))
    logits = X @ rng.normal(size=D)
    return X, (rng.random(N) < 1.0 / (1.0 + np.exp(-logits))).astype(float)


def by_hand(X: Any, y: Any, steps: int, rate: float, pass_over: Any) -> tuple[Any, float]:
    """Parameters after so many steps, and seconds."""
    rng = np.random.default_rng(0)
    loc, log_scale = np.zeros(D), np.full(D, np.log(0.1))
    moments = [(np.zeros(D), np.zeros(D)) for _ in range(2)]
    residuals, bounds = np.empty(N), np.empty(steps)
    constant = 0.5 * D * (1.0 + np.log(2.0 * np.pi)) - 0.5 * D * np.log(2.0 * np.pi)
    start = time.perf_counter()
    for t in range(1, steps + 1):
        eps, scale = rng.standard_normal(D), np.exp(log_scale)
        beta = loc + scale * eps
        value = pass_over(X @ beta, y, residuals) - 0.5 * (beta @ beta)
        g = X.T @ residuals - beta
        bounds[t - 1] = value + np.sum(log_scale) + constant
        for p, grad, (m, v) in zip(
            (loc, log_scale), (g, g * eps * scale + 1.0), moments, strict=True
        ):
            m *= 0.9
            m += 0.1 * grad
            v *= 0.999
            v += 0.001 * grad**2
            p += rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return loc, time.perf_counter() - start


def compiled_pass() -> Any:
    from numba import njit

    @njit(fastmath={"contract", "reassoc", "arcp", "nsz"}, error_model="numpy")
    def pass_over(logits, y, residuals):  # type: ignore[no-untyped-def]
        total = 0.0
        for i in range(len(y)):
            small = np.exp(-abs(logits[i]))
            p = 1.0 / (1.0 + small) if logits[i] > 0 else small / (1.0 + small)
            total += y[i] * logits[i] - max(logits[i], 0.0) - np.log1p(small)
            residuals[i] = y[i] - p
        return total

    return pass_over


def logistic(X: Any, y: Any) -> None:
    from srcdiff import vi
    from srcdiff.vi import dist

    beta = vi.sample("beta", dist.Normal(np.zeros(X.shape[1]), 1.0))
    vi.sample("y", dist.Bernoulli(logits=X @ beta), obs=y)


def by_fit(X: Any, y: Any, steps: int, rate: float) -> tuple[Any, float, float]:
    """Parameters, seconds for the steps behind the first, and seconds (of the processor) up to it."""
    from srcdiff import vi

    times: list[float] = []
    cpu: list[float] = []

    def look(step: Any) -> None:
        if step.number == 1:
            cpu.append(time.process_time())
            times.append(time.perf_counter())

    begun = time.process_time()
    fit = vi.fit(
        logistic, vi.MeanField(), X, y, steps=steps + 1, rng=0, progress=False, average=False,
        optimizer=vi.optim.Adam(rate), estimator="path", callbacks=[look],
    )  # fmt: skip
    return fit.params.loc, time.perf_counter() - times[0], cpu[0] - begun


def by_peer(peer: str, python: str, X: Any, y: Any, steps: int) -> tuple[float, float]:
    """Steps per second, and seconds until the first."""
    script = Path(__file__).parent / "peers" / f"{peer.lower()}_vi.py"
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder, name)) for name in ("X.npy", "y.npy")]
        for file, array in zip(files, (X, y), strict=True):
            np.save(file, array)
        done = subprocess.run(
            [python, str(script), *files, str(steps)], capture_output=True, text=True, check=True
        )
    rate, first, _ = map(float, done.stdout.split())
    return rate, first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1500)
    for peer in PEERS:
        parser.add_argument(f"--{peer.lower()}", metavar="PYTHON")
    args = parser.parse_args()
    X, y = data()
    pass_over = compiled_pass()
    by_hand(X, y, 2, 0.01, pass_over)
    ratios: list[float] = []
    others: dict[str, list[float]] = {peer: [] for peer in PEERS if getattr(args, peer.lower())}
    for _ in range(args.rounds):
        hand_loc, hand = by_hand(X, y, args.steps, 0.01, pass_over)
        loc, seconds, first = by_fit(X, y, args.steps, 0.01)
        exact, _ = by_hand(X, y, args.steps + 1, 0.01, pass_over)
        np.testing.assert_allclose(loc, exact, rtol=1e-9, atol=1e-12)
        assert hand_loc.shape == loc.shape
        ratios.append(hand / seconds)
        print(
            f"by hand {args.steps / hand:7.0f} steps/s   vi.fit {args.steps / seconds:7.0f} steps/s   "
            f"ratio {ratios[-1]:.2f}   first step {first:.2f} s of processor time"
        )
        for peer, found in others.items():
            rate, begun = by_peer(peer, getattr(args, peer.lower()), X, y, args.steps)
            found.append(args.steps / seconds / rate)
            print(
                f"    {peer} {rate:7.0f} steps/s, first step {begun:.2f} s: vi.fit is {found[-1]:.2f} times as fast"
            )
    print(f"median ratio {np.median(ratios):.2f} (goal 0.9)")
    for peer, found in others.items():
        print(f"median of {peer} {np.median(found):.2f} (goal 1)")


if __name__ == "__main__":
    main()
