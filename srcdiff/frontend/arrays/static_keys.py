"""Keys that must be known when compiling: parts of containers, and values that a program is specialised on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import gast
import numpy as np

from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.restarts import NeedStatic, Unroll
from srcdiff.frontend.core.values import FrontValue, Parts, Slice, Text, is_static, static
from srcdiff.ir.types import List
from srcdiff.ir.values import Value, known_dim


def is_position(key: object, base: Parts) -> bool:
    return isinstance(key, int | np.integer) and bool(-len(base.keys) <= key < len(base.keys))


def is_decidable(fr: Frame, value: FrontValue) -> bool:
    """Whether a value is known once a loop is unrolled, or a parameter's value is."""
    session = fr.session
    expr = getattr(getattr(value, "type", None), "expr", None)
    symbols = () if expr is None else expr.symbols()
    return value in session.parameters or any(
        s in session.indices or s in session.owners for s in symbols
    )


def part_key(
    fr: Frame, kind: str, keys: tuple[object, ...], key: FrontValue, node: gast.AST
) -> object:
    """The key of a part that a subscript names."""
    if not is_static(key):
        need_static(
            fr, key, node, "" if kind == "dict" else f"Make the {kind} an array (np.array)."
        )
    wanted = static(key)
    if kind == "dict":
        if wanted not in keys:
            fr.fail(
                node,
                f"the dict has no key {wanted!r}",
                f"Its keys are {', '.join(map(repr, keys))}.",
            )
        return wanted
    if not isinstance(wanted, int | np.integer) or not -len(keys) <= wanted < len(keys):
        fr.fail(node, f"{wanted!r} is not a position in a {kind} of {len(keys)} parts")
    return keys[wanted]


def specialise_on(fr: Frame, value: object) -> None:
    """Read anew with the value known, where it is that of a loop's index or of a parameter; so for each in a tuple."""
    session = fr.session
    inner = value.values if isinstance(value, Parts) else value
    for part in inner if isinstance(inner, tuple) else (inner,):
        if not isinstance(part, Value):
            continue
        expr = known_dim(part)
        for symbol in sorted(() if expr is None else expr.symbols()):
            if symbol in session.indices:
                raise Unroll(symbol)
            if symbol in session.owners:
                raise NeedStatic(session.owners[symbol])
        if part in session.parameters:
            raise NeedStatic(session.parameters[part])


def specialise_on_lists(fr: Frame, values: Iterable[object]) -> None:
    """Read anew with the values of integers in a list known, if an argument is the list (`[2, 3]` as a shape)."""
    for value in values:
        if isinstance(value, Value) and isinstance(value.type, List):
            specialise_on(fr, value)


def need_static(fr: Frame, value: FrontValue, node: gast.AST, advice: str = "") -> NoReturn:
    """The value, known when compiling: a loop is unrolled for it, or a parameter is specialised on."""
    inner = value.operands if isinstance(value, Text) else ()
    for part in value.values if isinstance(value, Parts) else inner:
        if not is_static(part):
            need_static(fr, part, node, advice)
    specialise_on(fr, value)
    fr.untyped(
        node,
        f"the value of this must be known when compiling, got {describe(value)}",
        advice or "Use a constant, or a parameter that is not computed with.",
    )


def static_slice(fr: Frame, key: Slice, node: gast.AST) -> slice:
    bounds = []
    for part in (key.lower, key.upper, key.step):
        if part is not None and not is_static(part):
            need_static(fr, part, node)
        bounds.append(None if part is None else static(part))
    return slice(*bounds)
