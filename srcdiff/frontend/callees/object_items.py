"""Subscripts of Python objects: `np.r_[...]`, `np.c_[...]`, and a kernel with its grid and block."""

from __future__ import annotations

import gast
import numpy as np

from srcdiff.frontend.callees.dispatch import call_known
from srcdiff.frontend.calls.inline import call_composite
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import FrontValue, Known, Parts, Slice, is_static, static
from srcdiff.frontend.derivatives.cuda_launches import configured, is_kernel
from srcdiff.ir.values import const
from srcdiff.ops.core.registry import find_composite

_ADVICE = "Write np.concatenate or np.stack."


def item_of_object(fr: Frame, base: Known, key: FrontValue, node: gast.AST) -> FrontValue | None:
    """`base[key]`; None for objects that Python itself takes the item of."""
    if isinstance(base.value, type(np.r_) | type(np.c_)):
        return _concatenated(fr, base, key, node)
    return configured(fr, node, base.value, key) if is_kernel(base.value) else None


def _concatenated(fr: Frame, base: Known, key: FrontValue, node: gast.AST) -> FrontValue:
    is_row = isinstance(key, Parts) and key.kind == "tuple"
    items = list(key.values) if is_row and isinstance(key, Parts) else [key]
    named: dict[str, FrontValue] = {}
    first = static(items[0]) if items and is_static(items[0]) else None
    if isinstance(first, str):
        if any(not p.strip().lstrip("-").isdecimal() for p in first.split(",")):
            fr.fail(node, f"np.r_[{first!r}, ...] makes a matrix, or is no list of axes", _ADVICE)
        names = ("axis", "ndmin", "trans1d")
        named = {k: const(int(v)) for k, v in zip(names, first.split(","), strict=False)}
        items = items[1:]
    composite = find_composite(base.value)
    assert composite is not None
    parts = [_counted(fr, i, node) if isinstance(i, Slice) else i for i in items]
    return call_composite(fr, node, composite, parts, named)


def _counted(fr: Frame, part: Slice, node: gast.AST) -> FrontValue:
    """`start:stop:step` as np.arange of it; with an imaginary step, that many numbers evenly spaced."""
    start = const(0) if part.lower is None else part.lower
    if part.upper is None:
        fr.fail(node, "a range in np.r_ has an end", "Write start:stop.")
    step = part.step
    if step is not None and is_static(step) and isinstance(static(step), complex):
        count = const(int(abs(static(step))))
        return call_known(fr, node, np.linspace, [start, part.upper, count], {})
    steps = [] if step is None else [step]
    return call_known(fr, node, np.arange, [start, part.upper, *steps], {})
