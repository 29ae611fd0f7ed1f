"""NaN provenance: runs a generated function line by line and traces each NaN to the operation that made it.

The reference evaluator (`ir/reference/interpreter.py`) runs the program that is printed. A NaN that never reaches a
result, such as one that `np.where` leaves out, is not reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import leaves, map_leaves, named_leaves
from srcdiff.compile.derivations.kinds import Grad, ValueAndGrad, Vjp
from srcdiff.handles.differentiable import generated
from srcdiff.handles.generated import Generated
from srcdiff.inspect.arguments import called_with, own
from srcdiff.inspect.cost import storage_of
from srcdiff.ir.core import Function, Op
from srcdiff.ir.location import Location
from srcdiff.ir.reference.interpreter import Evaluator
from srcdiff.ir.reference.value_conformance import Scope
from srcdiff.ir.syntax.spelling import template_of
from srcdiff.ir.types import is_float
from srcdiff.ir.values import Atom, Value

_PARTS: Mapping[str, str] = {
    "user": "forward part",
    "adjoint": "backward part",
    "tangent": "tangent",
    "compiler": "forward part",
}
_UNSET = ("empty", "empty_like", "empty_of")
_DEEPEST = 3  # the depth of nested expressions without names in a text
_MOST = 4  # the number of an operand's elements that are shown


@dataclass(frozen=True)
class NanFound:
    """The operation that made the first NaN of those that reach a result; it prints as the user's line.

    Attributes
    ----------
    variable : str
        The variable to which the operation belongs; `d_<name>` for a derivative with respect to a variable; empty if
        there is no name.
    operation : str
        The operation as text, such as `np.log(p)`.
    part : str
        "forward part", "backward part", "tangent" or "argument".
    operands : dict from str to str
        The operands at the place of the first NaN.
    location : Location or None
        The user's line: `file`, `line`, `column`, `source_line`.
    """

    variable: str
    operation: str
    part: str
    operands: Mapping[str, str]
    location: Location | None

    def __str__(self) -> str:
        if self.part == "argument":
            return f"the argument {self.operation} is NaN"
        of = ", ".join(f"{name} is {value}" for name, value in self.operands.items())
        kept = f", for `{self.variable}`" if self.variable else ""
        text = f"`{self.operation}` gives NaN in the {self.part}{kept}{f': {of}' if of else ''}"
        place = self.location
        if place is None:
            return text
        line = (place.source_line or "").strip()
        return f"{place.file}:{place.line} in {place.function}: {text}\n    {line}"

    __repr__ = __str__


def find_nan(g: Any, *args: Any, **kwargs: object) -> NanFound | None:
    """The operation that made the first NaN in a call of a generated function, with the user's line and variable.

    Parameters
    ----------
    g
        A generated function; `f.vjp` and `f.jvp` are called as they are.
    *args, **kwargs
        The arguments of a call.

    Returns
    -------
    NanFound or None
        None if no result has a NaN, and neither has the value whose gradient is computed.

    Examples
    --------
    >>> import numpy as np
    >>> import srcdiff
    >>> g = srcdiff.grad(lambda x: np.sum(np.sqrt(x) * x))
    >>> srcdiff.find_nan(g, np.array([1.0, 0.0])).part
    'backward part'
    """
    handle, args, kwargs = called_with("find_nan", g, args, kwargs)
    if handle is not g and isinstance(handle.derived.derivation, Vjp):  # all results count
        weights = map_leaves(_one_like, g.function(*map(own, args[:-1])))
        args = (*args[:-1], weights)
    found = _first(handle, args, kwargs)
    is_gradient = isinstance(handle.derived.derivation, Grad)
    if found is None and is_gradient:  # it may be finite where the value is not
        of = handle.derived
        found = _first(generated(ValueAndGrad(), of.base, of.options, of.wrt), args, kwargs)
    return found


def _first(
    handle: Generated, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> NanFound | None:
    """The operation that made the first NaN of a call's results."""
    fn, values = handle.program_for(*args, **kwargs)
    for p, v in zip(fn.params, values, strict=True):
        for text, leaf in named_leaves(v, p.name):
            if _has_nan(leaf):
                return NanFound("", text, "argument", {}, None)
    tracer = _Tracer(fn)
    with np.errstate(all="ignore"):
        results = tracer.call([own(v) for v in values])
    found = [event for r in results for leaf in leaves(r) for event in tracer.events_of(leaf)]
    return tracer.report(min(found)) if found else None


class _Tracer(Evaluator):
    """An evaluator that records, for each object, the numbers of the operations that its NaN came from."""

    def __init__(self, fn: Function) -> None:
        super().__init__(fn)
        self.events: list[tuple[Op, list[str]]] = []
        self.made: dict[Atom, Op] = {}
        self.origins: dict[int, tuple[object, set[int]]] = {}  # keyed by the identity of storage

    def inner(self, fn: Function) -> _Tracer:
        new = _Tracer(fn)
        new.events, new.origins, new.made = self.events, self.origins, self.made
        return new

    def events_of(self, value: object) -> set[int]:
        """The operations that the NaN in a value came from."""
        if not _has_nan(value):
            return set()
        return self.origins.get(id(storage_of(value)), (None, set()))[1]

    def compute(self, op: Op, operands: list[Any], scope: Scope) -> Any:
        if op.decl.name in _UNSET:
            made = super().compute(op, operands, scope)
            made.fill(0)
            return made
        given = [leaf for o in operands for leaf in leaves(o)]
        had_nan = any(map(_has_nan, given))
        origins = {event for leaf in given for event in self.events_of(leaf)}
        texts = [] if had_nan else [_value(v) for v in operands]
        self.made.update(dict.fromkeys(op.results, op))
        made = super().compute(op, operands, scope)
        after = list(leaves(made))
        if op.decl.writes:
            after = [leaf for k in op.decl.writes for leaf in leaves(operands[k])]
        marked = [leaf for leaf in after if _has_nan(leaf)]
        if marked and not had_nan:
            origins = {len(self.events)}
            self.events.append((op, texts))
        for leaf in marked:
            storage = storage_of(leaf)
            _, before = self.origins.setdefault(id(storage), (storage, set()))
            before |= origins
        return made

    def report(self, event: int) -> NanFound:
        op, values = self.events[event]
        name = op.results[0].name if op.results else _name(op.operands[op.decl.writes[0]])
        shown = {
            self.text(a): value
            for a, value in zip(op.operands, values, strict=True)
            if isinstance(a, Value) and is_float(a.type)
        }
        return NanFound(name, self.text_of(op), _PARTS[op.origin], shown, op.location)

    def text(self, atom: Atom, depth: int = 0) -> str:
        """An operand as text: its name, or its expression."""
        if not isinstance(atom, Value):
            return repr(atom.value)
        op = self.made.get(atom)
        if atom.name or op is None or len(op.results) > 1 or depth > _DEEPEST:
            return atom.name or "..."
        return self.text_of(op, depth)

    def text_of(self, op: Op, depth: int = 0) -> str:
        texts = [self.text(a, depth + 1) for a in op.operands]
        plain = [t if _is_plain(t) or template_of(op).endswith(")") else f"({t})" for t in texts]
        return template_of(op).format(*plain)


def _is_plain(text: str) -> bool:
    """Whether a text needs no brackets in another."""
    inner = re.sub(r"\([^()]*\)|\[[^][]*\]", "", re.sub(r"\([^()]*\)", "", text))
    return " " not in inner and not inner.startswith("-")


def _one_like(leaf: Any) -> object:
    return np.ones_like(leaf) if isinstance(leaf, np.ndarray) else type(leaf)(1)


def _has_nan(leaf: object) -> bool:
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.dtype.kind in "fc" and bool(np.isnan(leaf).any())
    return isinstance(leaf, float) and leaf != leaf


def _name(atom: Atom) -> str:
    return atom.name if isinstance(atom, Value) else ""


def _value(value: object) -> str:
    if not isinstance(value, np.ndarray):
        return f"{value:.6g}" if isinstance(value, float) else repr(value)
    flat = value.ravel()
    if flat.dtype.kind != "f" or not flat.size:
        return f"an array of {value.dtype}, {value.shape}"
    strange = flat[~np.isfinite(flat) | (flat <= 0.0)]
    shown = (strange if strange.size else flat)[:_MOST]
    listed = ", ".join(f"{v:.6g}" for v in shown)
    return f"[{listed}{', ...' if flat.size > len(shown) else ''}]"
