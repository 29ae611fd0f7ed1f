"""Every optimiser on ten small noisy problems, after Schaul, Antonoglou and Silver (2014).

`python -m benchmarks.optimisers` prints the table.

A row for each problem, a column for each optimiser: how much of the way down its defaults come in 2000 steps, 1 for all
of it and less than 0 for who ends above the start.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.vi import optim

__all__ = ["OPTIMISERS", "PROBLEMS", "Problem", "progress"]

OPTIMISERS = {
    "SGD": optim.SGD(),
    "RobbinsMonro": optim.RobbinsMonro(),
    "Momentum": optim.Momentum(),
    "AdaGrad": optim.AdaGrad(),
    "AdaDelta": optim.AdaDelta(),
    "RMSProp": optim.RMSProp(),
    "Adam": optim.Adam(),
}


@dataclass(frozen=True)
class Problem:
    """A loss with its derivative, which is seen with noise that `noise(rng, d)` makes of it."""

    name: str
    loss: Callable[[Any], float]
    slope: Callable[[Any], Any]
    start: Any
    noise: Callable[[Any, Any], Any]


def _normal(sd: float) -> Callable[[Any, Any], Any]:
    return lambda rng, d: d + sd * rng.normal(size=np.shape(d))


def _times(rng: Any, d: Any) -> Any:
    return d * (1.0 + rng.normal(size=np.shape(d)))


def _outliers(rng: Any, d: Any) -> Any:
    return d + np.clip(rng.standard_cauchy(np.shape(d)), -50.0, 50.0) * 0.1


def _masked(rng: Any, d: Any) -> Any:
    return d * (rng.random(np.shape(d)) < 0.1) / 0.1


def _bowl(curvature: Any) -> tuple[Callable[[Any], float], Callable[[Any], Any]]:
    c = np.asarray(curvature, float)
    return lambda x: 0.5 * float(np.sum(c * x**2)), lambda x: c * x


def _cliff(x: Any) -> float:
    return float(np.sum(np.where(np.abs(x) < 1.0, 0.5 * x**2, 10.0 * np.abs(x) - 9.5)))


def _cliff_slope(x: Any) -> Any:
    return np.where(np.abs(x) < 1.0, x, 10.0 * np.sign(x))


def _dip(x: Any) -> float:
    return float(np.sum(1.0 - np.exp(-0.5 * x**2)))


def _dip_slope(x: Any) -> Any:
    return x * np.exp(-0.5 * x**2)


def _valley(x: Any) -> float:
    return float((1.0 - x[0]) ** 2 + 10.0 * (x[1] - x[0] ** 2) ** 2)


def _valley_slope(x: Any) -> Any:
    away = x[1] - x[0] ** 2
    return np.array([-2.0 * (1.0 - x[0]) - 40.0 * x[0] * away, 20.0 * away])


_ONES = np.ones(2)
PROBLEMS = [
    Problem("bowl", *_bowl([1.0, 1.0]), _ONES, _normal(0.0)),
    Problem("bowl, noise", *_bowl([1.0, 1.0]), _ONES, _normal(1.0)),
    Problem("bowl, times noise", *_bowl([1.0, 1.0]), _ONES, _times),
    Problem("bowl, outliers", *_bowl([1.0, 1.0]), _ONES, _outliers),
    Problem("bowl, 9 of 10 masked", *_bowl([1.0, 1.0]), _ONES, _masked),
    Problem("long bowl, noise", *_bowl([0.1, 10.0]), _ONES, _normal(0.3)),
    Problem("edge", lambda x: float(np.sum(np.abs(x))), np.sign, _ONES, _normal(0.3)),
    Problem("plateau", _dip, _dip_slope, 1.5 * _ONES, _normal(0.1)),
    Problem("cliff", _cliff, _cliff_slope, 2.0 * _ONES, _normal(0.3)),
    Problem("valley", _valley, _valley_slope, np.array([-0.5, 0.5]), _normal(0.1)),
]  # fmt: skip


def progress(problem: Problem, optimiser: Any, steps: int = 2000, seed: int = 0) -> float:
    """The share of the loss at the start that is gone in the end, of the mean over the last tenth of the steps."""
    rng = np.random.default_rng(seed)
    x, state, losses = problem.start, optimiser.init(problem.start), []
    for k in range(steps):
        x, state = optimiser.step(x, problem.noise(rng, problem.slope(x)), state)
        if k >= steps - steps // 10:
            losses.append(problem.loss(x))
    return 1.0 - float(np.mean(losses)) / problem.loss(problem.start)


def main() -> None:
    """Print the table."""
    print(f"{'':22}" + "".join(f"{name:>14}" for name in OPTIMISERS))
    for problem in PROBLEMS:
        shares = [progress(problem, optimiser) for optimiser in OPTIMISERS.values()]
        print(f"{problem.name:22}" + "".join(f"{share:14.3f}" for share in shares))


if __name__ == "__main__":
    main()
