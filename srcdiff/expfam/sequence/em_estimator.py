"""What scikit-learn asks of estimators, without importing it, and the loop of expectation maximisation."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["Estimator", "NotFittedError", "rounds"]


class NotFittedError(ValueError, AttributeError):
    """Something is asked for that a fit finds, before there was one."""


# by estimator: scikit-learn has its attributes to be parameters, and what a fit finds
_GENERATED: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()


class Estimator:
    """Parameters of the constructor by name; what a fit finds ends in an underscore."""

    jit: Any
    n_jobs: int | None

    def of_each(self, f: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """`f` of each item, `n_jobs` at once; the first by itself, since what it calls may be compiled then."""
        jobs = 1 if self.n_jobs is None else self.n_jobs
        if not isinstance(jobs, int) or (jobs < 1 and jobs != -1):
            raise ValueError(
                f"{type(self).__name__}: n_jobs is a number of threads, -1 for all, not {self.n_jobs!r}"
            )
        jobs = min((os.cpu_count() or 1) if jobs == -1 else jobs, len(items) - 1)
        if jobs < 2:
            return [f(item) for item in items]
        first = f(items[0])
        with ThreadPoolExecutor(jobs) as pool:  # compiled code holds no lock of the interpreter's
            return [first, *pool.map(f, items[1:])]

    def generated(self, make: Callable[..., Any], log_Z: Any, *args: Any) -> Any:
        """`make(log_Z, *args, jit=self.jit)`, made once for this estimator."""
        made = _GENERATED.setdefault(self, {})
        key = make, log_Z, repr(self.jit)
        if key not in made:
            made[key] = make(log_Z, *args, jit=self.jit)
        return made[key]

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

    def __getattr__(self, name: str) -> Any:
        found = [n for n in vars(self) if n.endswith("_") and not n.startswith("_")]
        if name.endswith("_") and not name.startswith("_") and not found:  # what a fit finds
            library = sys.modules.get("sklearn.exceptions")
            error = NotFittedError if library is None else library.NotFittedError
            raise error(f"this {type(self).__name__} was not fitted yet: call fit first")
        has = f"; a fit found {', '.join(found)}" if name.endswith("_") and found else ""
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}{has}")

    def need_a_fit(self, name: str) -> None:
        """Raise where there is nothing yet that a fit finds; `name` is one such attribute."""
        getattr(self, name)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks an estimator about itself: X is what it is fitted to, and y is not needed."""
        from sklearn.utils import InputTags, Tags, TargetTags  # it is there if it asks

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            input_tags=InputTags(two_d_array=True),
        )

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self.get_params().items())
        return f"{type(self).__name__}({given})"


def rounds(n: int, progress: bool) -> Iterable[int]:
    """Numbers from 0, with a bar if it is asked for."""
    if not progress:
        return range(n)
    from rich.progress import track  # takes long to import

    return track(range(n), description="EM")
