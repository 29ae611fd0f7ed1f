"""The estimator interface of scikit-learn, without an import of scikit-learn, and the loop of
expectation maximisation.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakKeyDictionary


class NotFittedError(ValueError, AttributeError):
    """An attribute or method of a fitted estimator was used before `fit`."""


_T = TypeVar("_T")
# by estimator, because scikit-learn allows no attributes but parameters and results of a fit
_GENERATED: WeakKeyDictionary[object, dict[object, Any]] = WeakKeyDictionary()


class Estimator:
    """A base class: parameters of the constructor by name; attributes from a fit end in an underscore."""

    jit: Any
    n_jobs: int | None

    def of_each(self, f: Callable[[Any], Any], items: Sequence[object]) -> list[Any]:
        """`f` of each item, `n_jobs` at once; the first alone, since its call may compile."""
        jobs = 1 if self.n_jobs is None else self.n_jobs
        if not isinstance(jobs, int) or (jobs < 1 and jobs != -1):
            raise ValueError(
                f"{type(self).__name__}: n_jobs is a number of threads, -1 for all, not {self.n_jobs!r}"
            )
        jobs = min((os.cpu_count() or 1) if jobs == -1 else jobs, len(items) - 1)
        if jobs < 2:
            return [f(item) for item in items]
        first = f(items[0])
        with ThreadPoolExecutor(jobs) as pool:  # compiled code releases the interpreter's lock
            return [first, *pool.map(f, items[1:])]

    def generated(self, make: Callable[..., _T], log_Z: object, *args: object) -> _T:
        """`make(log_Z, *args, jit=self.jit)`, computed once for this estimator."""
        made = _GENERATED.setdefault(self, {})
        key = make, log_Z, repr(self.jit)
        if key not in made:
            made[key] = make(log_Z, *args, jit=self.jit)
        found: _T = made[key]
        return found

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """The parameters of the constructor."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: object) -> Estimator:
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
        if name.endswith("_") and not name.startswith("_") and not found:  # results of a fit
            library = sys.modules.get("sklearn.exceptions")
            error = NotFittedError if library is None else library.NotFittedError
            raise error(f"this {type(self).__name__} was not fitted yet: call fit first")
        has = f"; a fit found {', '.join(found)}" if name.endswith("_") and found else ""
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}{has}")

    def need_a_fit(self, name: str) -> None:
        """Raise NotFittedError if the estimator is not fitted; `name` is an attribute that a fit sets."""
        getattr(self, name)

    def __sklearn_tags__(self) -> Any:
        """Scikit-learn's tags of this estimator: X is the training data, and y is not needed."""
        from sklearn.utils import InputTags, Tags, TargetTags  # scikit-learn is the caller

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            input_tags=InputTags(two_d_array=True),
        )

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self.get_params().items())
        return f"{type(self).__name__}({given})"


def rounds(n: int, progress: bool) -> Iterable[int]:
    """Numbers from 0, with a progress bar if `progress` is true."""
    if not progress:
        return range(n)
    from rich.progress import track  # slow to import

    return track(range(n), description="EM")
