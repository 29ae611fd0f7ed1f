"""Learning rates: numbers, or schedules that give a rate for each step."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

Rate = float | Callable[[int], float]


@dataclass(frozen=True)
class Exponential:
    """A rate that decreases from `start` to `end` over `steps`, by the same factor each step, and then
    stays at `end`.
    """

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        check_positive("start", self.start)
        check_positive("end", self.end)
        check_positive("steps", self.steps)

    def __call__(self, t: int) -> float:
        return float(self.start * (self.end / self.start) ** min(t / self.steps, 1.0))


def warn_about_schedule(rate: Callable[[int], float]) -> None:
    """Warn by the power with which the rates decrease at large t."""
    early, late = rate(10**6), rate(10**9)
    if not (early > 0 and late > 0):
        raise ValueError(f"rates have to be positive: rate(10**6) = {early}, rate(10**9) = {late}")
    power = math.log(early / late) / math.log(10**3)
    if power > 1.0 + 1e-3:
        reason = "so fast that their sum is finite: the steps may end before the optimum"
    elif power <= 0.5:
        reason = (
            "so slowly that the sum of their squares is infinite: the noise does not average out"
        )
    else:
        return
    warnings.warn(f"the rates fall as t**-{power:.3g}, {reason}", UserWarning, stacklevel=4)


def check_positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name}={value}: it has to be positive")


def check_fraction(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name}={value}: it has to be in [0, 1)")
