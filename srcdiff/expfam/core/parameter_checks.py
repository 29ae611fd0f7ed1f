"""Validation of a family's parameters and values, with messages in its own terms."""

from collections.abc import Callable
from typing import Any

import numpy as np

from srcdiff.expfam.core.pytree import Pytree


def check_parts(model: str, eta: Pytree, names: str) -> None:
    """Raise unless `eta` is a tuple or list with one part for each name, such as `"log_pi, log_A, log_B"`."""
    wanted = names.count(",") + 1
    if not isinstance(eta, tuple | list) or len(eta) != wanted:
        given = f"{len(eta)} parts" if isinstance(eta, tuple | list) else f"a {type(eta).__name__}"
        raise ValueError(f"{model}: eta = ({names}) has {wanted} parts, not {given}")


def check_arguments(model: str, names: str, data: tuple[object, ...]) -> None:
    """Raise unless the data have one argument for each name that `log_Z` is conditioned on, such as
    `"inputs, data"`.
    """
    wanted = names.count(",") + 1 if names else 0
    if len(data) != wanted:
        what = f"({names})" if names else "nothing"
        raise TypeError(f"{model}: beside eta it takes {what}, and was given {len(data)} arguments")


def check_draws(rng: np.random.Generator, n: int) -> None:
    """Raise unless `rng` is a generator, and `n` a number of draws."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng is a generator (np.random.default_rng(seed)), not {rng!r}")
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 0:
        raise ValueError(f"n, how many draws, is a whole number from 0, not {n!r}")


def check_rows(model: str, name: str, log_p: np.ndarray, shape: tuple[object, ...]) -> None:
    """Raise unless an array of log-probabilities has the shape ("" is any length) and rows that add up to 1."""
    log_p = np.asarray(log_p, float)
    wanted = f"({', '.join(str(n) or 'inputs' for n in shape)}{',' * (len(shape) == 1)})"
    if log_p.ndim != len(shape) or any(
        n not in ("", m) for n, m in zip(shape, log_p.shape, strict=True)
    ):
        raise ValueError(f"{model}: {name} has the shape {wanted}, not {log_p.shape}")
    totals = np.sum(np.exp(log_p), axis=-1)
    wrong = np.argwhere(~(np.abs(totals - 1.0) <= 1e-6))
    if len(wrong):
        place = tuple(int(k) for k in wrong[0])
        row = f"row {place[0] if len(place) == 1 else place} of {name}" if place else name
        raise ValueError(
            f"{model}: the probabilities in {row} add up to {totals[place]:.6g}, not to 1 (they are logarithms)"
        )


def check_finite(model: str, name: str, values: Any, advice: str = "") -> None:
    """Raise unless all numbers of an array are finite."""
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        place = tuple(int(k) for k in wrong[0])
        raise ValueError(f"{model}: {name} holds {np.asarray(values)[place]} at {place}{advice}")


def check_settings(model: str, **given: Any) -> None:
    """Raise unless settings (states, rounds, restarts) are integers from 1."""
    for name, value in given.items():
        is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not is_whole or value < 1:
            raise ValueError(f"{model}: {name} is a whole number from 1, not {value!r}")


def check_covariance(model: str, name: str, covariance: np.ndarray) -> np.ndarray:
    """The Cholesky factor of a matrix; raises unless the matrix is symmetric and positive definite."""
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1]:
        raise ValueError(f"{model}: {name} is a square matrix, not of shape {covariance.shape}")
    if not np.allclose(covariance, covariance.T):
        raise ValueError(f"{model}: {name} is not symmetric")
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{model}: {name} is not positive definite, so it is no covariance"
        ) from None


def inside(
    model: str, names: str, conditions: dict[str, Callable[..., Any]]
) -> Callable[..., None]:
    """A check of natural parameters that are numbers or arrays; `conditions` says in words which
    values are possible.
    """

    def check(eta: Pytree) -> None:
        if "," in names:
            check_parts(model, eta, names)
        parts = eta if "," in names else (eta,)
        with np.errstate(invalid="ignore"):
            wrong = [words for words, holds in conditions.items() if not np.all(holds(*parts))]
        if wrong:
            raise ValueError(f"{model}: eta = ({names}) needs {wrong[0]}, and is {_shown(parts)}")

    return check


def usual_inside(
    model: str, natural: Callable[..., object], **conditions: str
) -> Callable[..., object]:
    """`natural` with checked arguments: `variance="positive"`, `p="between 0 and 1"`."""

    def checked(*args: object, **kwargs: object) -> object:
        given = dict(zip(conditions, args, strict=False)) | kwargs
        for name, words in conditions.items():
            if name in given and not np.all(_HOLDS[words](np.asarray(given[name], float))):
                raise ValueError(f"{model}: {name} is {words}, not {given[name]!r}")
        return natural(*args, **kwargs)

    checked.__doc__ = natural.__doc__
    return checked


def check_values(model: str, what: str, xs: np.ndarray, possible: np.ndarray) -> None:
    """Raise ValueError unless all observations are possible."""
    possible = np.asarray(possible)
    if possible.all():
        return
    place = tuple(int(k) for k in np.argwhere(~possible)[0])
    where = f" at position {place[0] if len(place) == 1 else place}" if place else ""
    raise ValueError(f"{what} holds {np.asarray(xs)[place]}{where}, which {model} does not have")


_HOLDS: dict[str, Callable[[Any], Any]] = {
    "positive": lambda x: (x > 0.0) & np.isfinite(x),
    "a number": np.isfinite,
    "between 0 and 1": lambda x: (x >= 0.0) & (x <= 1.0),
}


def _shown(parts: Any) -> str:
    shown = ", ".join(np.array2string(np.asarray(p), precision=4, threshold=6) for p in parts)
    return f"({shown})"
