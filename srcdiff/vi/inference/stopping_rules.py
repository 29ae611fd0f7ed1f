"""Stopping rules: functions of the bounds so far that decide whether a fit is over."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Plateau:
    """Stop when the bound has not risen for `patience` windows in a row.

    A window is `window` steps. The mean of each window is compared with the mean of the window before it. A rise counts
    if it is more than `errors` standard errors of the difference, and more than `relative` times the bound's size. So a
    fit whose noisy bound rises by less than its noise continues if windows are long enough to show the rise; a bound
    without noise stops when it is flat to `relative`.

    Parameters
    ----------
    window : int
        The number of steps in a window.
    patience : int
        The number of windows without a rise after which the fit stops.
    errors : float
        The least rise in standard errors.
    relative : float
        The least rise relative to the bound's size.
    """

    window: int = 100
    patience: int = 2
    errors: float = 1.0
    relative: float = 1e-7

    def __post_init__(self) -> None:
        if self.window < 2 or self.patience < 1:
            raise ValueError("Plateau: window has to be at least 2, and patience at least 1")

    def __call__(self, bounds: Any) -> bool:
        """Whether to stop after these bounds; the answer is True at the end of a window only."""
        n = len(bounds)
        if n % self.window or n < (self.patience + 1) * self.window:
            return False
        windows = np.asarray(bounds[-(self.patience + 1) * self.window :], float)
        windows = windows.reshape(self.patience + 1, self.window)
        means, variances = windows.mean(axis=1), windows.var(axis=1)
        for k in range(self.patience):
            error = math.sqrt((variances[k] + variances[k + 1]) / self.window)
            least = max(self.errors * error, self.relative * abs(means[k]))
            if means[k + 1] - means[k] > least:
                return False
        return True


def still_rises(bounds: list[float]) -> bool:
    """Whether more steps would have raised the bound: its mean over the last tenth exceeds that of the tenth before.

    The excess must be four standard errors of the difference, and a tenth of a nat.
    """
    n = len(bounds) // 10
    if n < 10:
        return False
    earlier, later = np.asarray(bounds[-2 * n : -n], float), np.asarray(bounds[-n:], float)
    error = math.sqrt((np.var(earlier) + np.var(later)) / n)
    return bool(np.mean(later) - np.mean(earlier) > max(4.0 * error, 0.1))
