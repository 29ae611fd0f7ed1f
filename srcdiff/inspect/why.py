"""Reasons of the analyses: why a variable is active or inactive, and why its values are stored, computed again, or
neither.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from srcdiff.compile.derivations.kinds import Jvp, Vjp
from srcdiff.errors import DifferentiationError
from srcdiff.handles.generated import Generated
from srcdiff.handles.locks import COMPILING
from srcdiff.inspect.arguments import called_with

if TYPE_CHECKING:
    from srcdiff.ir.core import Function


@dataclass(frozen=True)
class Reasons:
    """The derivative and storage of a variable, in words; printing it shows all fields.

    Attributes
    ----------
    name : str
        The variable.
    function : str
        The generated function.
    is_active : bool
        Whether a derivative of any of its values is computed.
    activity : tuple of str
        The reason for each line that assigns the variable.
    storage : tuple of str
        The values that are stored for the backward part, computed again, or available there, and the reasons.
    """

    name: str
    function: str
    is_active: bool
    activity: tuple[str, ...]
    storage: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        yield f"`{self.name}` in {self.function}"
        yield from (f"    {line}" for line in self.activity)
        if self.storage:
            yield "  for the backward part"
            yield from (f"    {line}" for line in self.storage)


def why(g: object, name: str, *args: object, **kwargs: object) -> Reasons:
    """The reasons why a variable of a function is active, inactive, stored or computed again in a call of `g`.

    Nothing is run. The storage is that of the readable form; compiled code decides by the costs of operations there.

    Parameters
    ----------
    g
        A generated function; `f.vjp` and `f.jvp` are called as they are.
    name
        A variable or argument of the differentiated function.
    *args, **kwargs
        The arguments of a call of `g`.

    Examples
    --------
    >>> import numpy as np
    >>> import srcdiff
    >>> g = srcdiff.grad(lambda x, k: np.sum(x**k))
    >>> srcdiff.why(g, "k", np.ones(3), 2).is_active
    False
    """
    handle, args, kwargs = called_with("why", g, args, kwargs)
    arguments = handle.arguments_of(args, kwargs)
    with COMPILING:
        # the stages take a while to import
        from srcdiff.compile.build import stages_of

        read, undecided = stages_of(handle.derived, arguments)
    return _reasons(handle, read, undecided, name)


def _reasons(g: Generated, read: Function, undecided: Function | None, name: str) -> Reasons:
    # the stages take a while to import
    from srcdiff.ir.types import is_float
    from srcdiff.transforms.remarks import (
        activity_reasons,
        checkpoint_reasons,
        names_of,
        storage_reasons,
    )

    names = names_of(read)
    if name not in names:
        if name in _assigned(g):
            raise DifferentiationError(
                f"`{name}` has no values of its own in {g.__name__}: it is known when compiling, or a container",
                f"Name one of its parts. There are {', '.join(names)}.",
                read.location,
            )
        near = difflib.get_close_matches(name, names, 1)
        raise DifferentiationError(
            f"{g.__name__} has no variable `{name}`",
            f"{f'Did you mean `{near[0]}`? ' if near else ''}There are {', '.join(names)}.",
            read.location,
        )
    wrt = [read.params[k] for k in g.derived.wrt]
    results = [y for y in read.body.yields if is_float(y.type)]
    if not isinstance(g.derived.derivation, Vjp | Jvp):
        results = results[:1]
    is_active, activity = activity_reasons(read, wrt, results, name)
    mode: Any = g.derived.options.residuals
    storage = []
    if undecided is not None:
        storage = [*checkpoint_reasons(read, name), *storage_reasons(undecided, mode, name)]
    if undecided is not None and is_active and not storage:
        storage = ["nothing is stored: the backward part needs none of its values"]
    return Reasons(name, g.__name__, is_active, tuple(activity), tuple(storage))


def _assigned(g: Generated) -> frozenset[str]:
    """The names that the differentiated function assigns."""
    # the stages take a while to import
    from srcdiff.frontend.source.function_source import source_of
    from srcdiff.frontend.source.wrappers import function_of

    base = g.derived.base
    while isinstance(base, Generated | functools.partial | MethodType):
        if isinstance(base, Generated):
            base = base.derived.base
        else:
            base = base.func if isinstance(base, functools.partial) else base.__func__
    plain = function_of(base)
    return source_of(plain).flow.local if isinstance(plain, FunctionType) else frozenset()
