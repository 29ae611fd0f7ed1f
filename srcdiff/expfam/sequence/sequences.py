"""Sequences of different lengths: the input of estimators, as one array with lengths or as a list of arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Given = ArrayLike | None  # data as scikit-learn takes them; None where there are none


@dataclass(frozen=True)
class Sequence:
    """One sequence.

    Attributes
    ----------
    data : (T, ...) array
    observed : (T) array of bool
        False where the observation is missing.
    inputs : (T) array of int, or None
    """

    data: Any
    observed: Any
    inputs: Any = None


def sequences_of(
    X: object, lengths: Given = None, observed: Given = None, inputs: Given = None
) -> list[Sequence]:
    """The sequences of `X`: a list of arrays, or one array that `lengths` splits.

    Raises
    ------
    ValueError, TypeError
        For data, lengths or masks that are not valid.
    """
    if isinstance(X, list | tuple) and len(X) and np.ndim(X[0]) > 0 and lengths is None:
        arrays = [_array(x) for x in X]
        masks = _parts(observed, len(arrays), "observed")
        given = _parts(inputs, len(arrays), "inputs")
        found = [
            _sequence(*parts, n) for n, parts in enumerate(zip(arrays, masks, given, strict=True))
        ]
    else:
        found = _cut(_array(X), lengths, observed, inputs)
    if not found:
        raise ValueError("there are no sequences")
    return found


def check_unused(y: Any, X: Any) -> None:
    """Raise ValueError for a `y` that has another length than `X`: it may be lengths, passed in the wrong place."""
    if y is not None and np.shape(y)[:1] != np.shape(X)[:1] and not isinstance(X, list | tuple):
        raise ValueError(
            f"y is not used, and is {y!r} for {len(X)} observations: lengths of sequences are passed as lengths="
        )


def without_columns(sequences: list[Sequence], of_symbols: bool) -> list[Sequence]:
    """Sequences of symbols with the axis removed if one column holds them."""
    return [
        replace(s, data=s.data[:, 0]) if of_symbols and s.data.shape[1:] == (1,) else s
        for s in sequences
    ]


def _array(X: object) -> np.ndarray:
    """A dense array of real numbers; raises for other input."""
    if hasattr(X, "toarray") and hasattr(X, "tocsr"):
        raise TypeError("X is sparse, which is not supported: pass X.toarray()")
    X = np.asarray(X)
    if X.dtype.kind == "c":
        raise ValueError("Complex data not supported: observations are real numbers")
    if X.dtype.kind not in "biufO":
        raise TypeError(f"X holds values of the dtype {X.dtype}: observations are numbers")
    return X.astype(float) if X.dtype.kind == "O" else X


def _parts(values: object, n: int, name: str) -> list[Any]:
    if values is None:
        return [None] * n
    if not isinstance(values, list | tuple) or len(values) != n:
        raise ValueError(f"X is a list of {n} sequences, so {name} is a list of as many")
    return list(values)


def _cut(X: np.ndarray, lengths: object, observed: Given, inputs: Given) -> list[Sequence]:
    if X.ndim == 0:
        raise ValueError("X is a sequence of observations, or a list of such, not a number")
    lengths = [len(X)] if lengths is None else _whole(lengths)
    if sum(lengths) != len(X):
        raise ValueError(f"lengths add up to {sum(lengths)}, but X has {len(X)} observations")
    ends = np.cumsum(lengths)[:-1]
    split = lambda a: [None] * len(lengths) if a is None else np.split(np.asarray(a), ends)
    parts = zip(np.split(X, ends), split(observed), split(inputs), strict=True)
    return [_sequence(*part, n) for n, part in enumerate(parts)]


def _whole(lengths: Any) -> list[int]:
    for n in lengths:
        if int(n) != n or n < 0:
            raise ValueError(f"lengths are whole numbers from 1, and hold {n}")
    return [int(n) for n in lengths]


def _sequence(data: np.ndarray, observed: Given, inputs: Given, n: int) -> Sequence:
    if len(data) == 0:
        raise ValueError(f"sequence {n} is empty")
    if data.size == 0:
        raise ValueError(
            f"sequence {n} has 0 feature(s) (shape={data.shape}) while a minimum of 1 is required."
        )
    observed = np.ones(len(data), bool) if observed is None else np.asarray(observed, bool)
    if observed.shape != (len(data),):
        raise ValueError(
            f"sequence {n} has {len(data)} observations, and observed has the shape {observed.shape}"
        )
    if inputs is not None and np.shape(inputs) != (len(data),):
        raise ValueError(
            f"sequence {n} has {len(data)} observations, and inputs has the shape {np.shape(inputs)}"
        )
    if data.dtype.kind == "f":
        numbers = np.isfinite(data).reshape(len(data), -1).all(axis=1)
        wrong = np.flatnonzero(~numbers & observed)
        if len(wrong):
            raise ValueError(
                f"sequence {n} holds NaN or infinity at position {int(wrong[0])}; "
                "say what is missing with observed="
            )
    return Sequence(data, observed, None if inputs is None else np.asarray(inputs))


def features_of(sequences: list[Sequence]) -> int | None:
    """The number of features at each time; None if observations are numbers without an axis of their own."""
    found = {s.data.shape[1] if s.data.ndim == 2 else None for s in sequences}
    if len(found) > 1:
        raise ValueError(f"sequences differ in the numbers at each time: {sorted(map(str, found))}")
    return found.pop()


def check_features(model: str, sequences: list[Sequence], known: int | None) -> None:
    """Raise ValueError for data with another number of features than the fitted model."""
    for s in sequences:
        if known is not None and s.data.ndim == 1:
            raise ValueError(
                f"{model} was fitted to rows of {known} numbers, and X has one axis. "
                f"Reshape your data: (times, {known})"
            )
        if known is not None and s.data.shape[1] != known:
            raise ValueError(
                f"X has {s.data.shape[1]} features, but {model} is expecting {known} features as input"
            )


def joined(sequences: list[Sequence]) -> tuple[Any, Any]:
    """All observations that are not missing, and their places among all."""
    data = np.concatenate([s.data for s in sequences])
    observed = np.concatenate([s.observed for s in sequences])
    return data[observed], observed
