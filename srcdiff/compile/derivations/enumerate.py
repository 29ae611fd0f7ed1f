"""Enumeration: the log-sum-exp of a function over the values of a parameter (`srcdiff.transform(f, "enumerate")`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

from srcdiff.frontend.source.wrappers import made_function

_TEXT = '''\
def {name}_enumerate({parameters}):
    """Logarithm of the sum of exp({name}) over `{over}`."""
    terms = np.empty({count})
    for {over} in range({count}):
        terms[{over}] = {name}_({arguments})
    return logsumexp(terms)
'''


def enumerated(f: Callable[..., object], over: str, count: object) -> Callable[..., object]:
    """The function of the other parameters.

    Raises
    ------
    ValueError
        `over` is not a parameter, or `count` is not a positive integer.
    """
    from scipy.special import logsumexp  # takes a while to import

    names = list(inspect.signature(f).parameters)
    if over not in names:
        raise ValueError(f"over={over!r}: the parameters are {', '.join(names)}")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"count={count!r}: expected a positive integer")
    name = "f" if f.__name__ == "<lambda>" else f.__name__
    text = _TEXT.format(
        name=name,
        over=over,
        count=count,
        parameters=", ".join(n for n in names if n != over),
        arguments=", ".join(names),
    )
    return made_function(
        text, f"{name}_enumerate", {f"{name}_": f, "np": np, "logsumexp": logsumexp}
    )
