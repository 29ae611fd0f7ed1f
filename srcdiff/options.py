"""The options that every derivative takes, checked once."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

# the named rules of `transforms/rewrite/stability_rules.py`, which is not imported before the first program
REWRITINGS = (
    "log_sigmoid", "log_one_minus_sigmoid", "softplus", "log_add_exp", "log_sum_exp", "log_softmax", "softmax",
    "log_exp", "log_of_parts", "log_one_plus", "exp_minus_one", "one_less_sigmoid", "sigmoid", "tanh", "sinh",
    "arcsinh", "one_less_cos", "log_cosh", "exp_product", "norm", "far_norms", "variance", "inverse_product",
    "product_order", "covariance", "arctanh", "root_less_one", "one_less_tanh", "normal_tail", "log_normal",
    "weighted_mean", "weighted_softmax", "effective_size", "log_of_loops", "quotient_of_sums", "near_roots",
    "near_quotients", "trace_of_product", "diagonal_of_product", "diagonal_factor", "log_det", "cancel",
    "scaled_probabilities", "triangular", "cholesky", "shared_lu",
)  # fmt: skip
OWN_REWRITINGS: dict[
    str, tuple[bool, str]
] = {}  # those of users: whether they are on unasked, and what they say
# those that change no domain are on; "far_norms" takes half as long again where norms of a few numbers are all there is
UNASKED = frozenset(REWRITINGS) - {"cancel", "far_norms"}
COMPILED = frozenset(
    {"scaled_probabilities"}
)  # in compiled code only: longer than what it stands for
_CHOICES: dict[str, tuple[object, ...]] = {
    "jit": ("auto", True, False),
    "target": ("cpu", "cuda"),
    "residuals": ("auto", "store", "recompute"),
    "fastmath": (True, False),
    "has_aux": (True, False),
    "on_independent": ("warn", "raise", "ignore"),
}


@dataclass(frozen=True)
class Options:
    """See `API.md`, or the docstring of `srcdiff.grad`."""

    argnums: int | str | tuple[int | str, ...] = 0
    jit: bool | str = "auto"
    target: str = "cpu"
    parallel: bool | int | str = "auto"
    residuals: str = "auto"
    fastmath: bool = True
    rewrite: bool | tuple[tuple[str, bool], ...] = True
    has_aux: bool = False
    on_independent: str = "warn"

    @property
    def threads(self) -> int | str | None:
        """How many threads share a loop; None: as many as Numba has, 0: none, "auto": what there is to do decides."""
        if self.parallel is True:
            return None
        return 0 if self.parallel is False else self.parallel

    def disabled(self, compiled: bool = False) -> frozenset[str] | None:
        """The rewritings that are off; None for all. Some are on only in compiled code, unless they are named."""
        if self.rewrite is False:
            return None
        chosen = {} if self.rewrite is True else dict(self.rewrite)
        on = UNASKED if compiled else UNASKED - COMPILED
        on |= {name for name, (is_on, _) in OWN_REWRITINGS.items() if is_on}
        names = (*REWRITINGS, *OWN_REWRITINGS)
        return frozenset(name for name in names if not chosen.get(name, name in on))


def make_options(given: Mapping[str, object], base: Options | None = None) -> Options:
    """Options from keyword arguments.

    Raises
    ------
    TypeError
        For a name that is no option.
    ValueError
        For a value that an option does not take.
    """
    try:
        return _made(base, tuple(given), *given.values())
    except TypeError:  # values without a hash, or a name that is no option
        return _made.__wrapped__(base, tuple(given), *given.values())


# derivatives at a point make them in each call; typed: 1 is not True
@functools.lru_cache(maxsize=256, typed=True)
def _made(base: Options | None, names: tuple[str, ...], *values: object) -> Options:
    known = [f.name for f in fields(Options)]
    for name in names:
        if name not in known:
            raise TypeError(f"srcdiff has no option {name!r}; the options are {', '.join(known)}")
    tidy = {k: _tidy(k, v) for k, v in zip(names, values, strict=True)}
    return replace(base or Options(), **tidy)


def _tidy(name: str, value: object) -> Any:
    choices = _CHOICES.get(name)
    if choices is not None and not any(
        value is c or (isinstance(c, str) and value == c) for c in choices
    ):
        raise ValueError(f"{name}={value!r}: expected one of {', '.join(map(repr, choices))}")
    is_choice = isinstance(value, bool) or value == "auto"
    if name == "parallel" and not (is_choice or (isinstance(value, int) and value > 0)):
        raise ValueError(f'parallel={value!r}: expected "auto", True, False or a number of threads')
    if name == "rewrite" and not isinstance(value, bool):
        if not isinstance(value, Mapping):
            raise ValueError(
                f"rewrite={value!r}: expected True, False, or a dict from rule names to bools"
            )
        for rule in value:
            if rule not in REWRITINGS and rule not in OWN_REWRITINGS:
                names = ", ".join(map(repr, (*REWRITINGS, *OWN_REWRITINGS)))
                raise ValueError(f"rewrite: there is no rule {rule!r}; the rules are {names}")
        return tuple(sorted((k, bool(v)) for k, v in value.items()))
    if name == "argnums":
        return tuple(value) if isinstance(value, list | tuple) else value
    return value


def plain_axes(axes: object, what: str, is_result: bool = False) -> Any:
    """Axes as nested tuples, which can be compared: a dict is pairs behind the word dict.

    Raises
    ------
    ValueError
        For what is no int, None, or container of them.
    """
    if isinstance(axes, tuple | list):
        return ("tuple", *(plain_axes(a, what, is_result) for a in axes))
    if isinstance(axes, Mapping):
        return ("dict", *((k, plain_axes(a, what, is_result)) for k, a in axes.items()))
    if (axes is None and not is_result) or (isinstance(axes, int) and not isinstance(axes, bool)):
        return axes
    expected = "an int" if is_result else "an int, None"
    raise ValueError(f"{what} has {axes!r}: expected {expected}, or a container of them")
