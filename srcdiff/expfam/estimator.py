"""What scikit-learn asks of estimators, without importing it, and the loop of expectation maximisation."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

__all__ = ["Estimator", "rounds"]


class Estimator:
    """Parameters of the constructor by name; what a fit finds ends in an underscore."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the constructor."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Any:
        """Change parameters of the constructor."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(
                    f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self.get_params().items())
        return f"{type(self).__name__}({given})"


def rounds(n: int, progress: bool) -> Iterable[int]:
    """Numbers from 0, with a bar if it is asked for."""
    if not progress:
        return range(n)
    from rich.progress import track  # takes long to import

    return track(range(n), description="EM")
