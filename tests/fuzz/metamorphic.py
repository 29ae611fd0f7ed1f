"""What transformations of a program must not change: its derivative, whether it is accepted, whether it compiles, and
whether it is finite at extreme arguments.
"""

from __future__ import annotations

import ast
import copy
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from corpus_loader import Program as CorpusProgram
from fuzz.check import Outcome, listed, sensitivity_of
from fuzz.compare import flat, float_positions, function_of, generated
from fuzz.known import KNOWN
from fuzz.program import Program, runs
from fuzz.transformations import CHANGES, transformed
from loop_forms import loop_form

from srcdiff.compile.arguments.pytree import is_float_leaf, map_leaves
from srcdiff.errors import UnsupportedError
from srcdiff.transforms.lower.loop_nests import NoLoopForm

EXTREMES = (40.0, 1000.0)


def of_corpus(file: CorpusProgram) -> Program | None:
    """A program of the corpus, where it leaves its arguments alone and is a function of its module."""
    text = Path(str(file.module.__file__)).read_text()
    name = file.function.__name__
    p = Program(0, text, file.arguments(0), name)
    is_function = any(
        isinstance(n, ast.FunctionDef) and n.name == name for n in ast.parse(text).body
    )
    return p if is_function and runs(p) else None


@dataclass(frozen=True)
class Seen:
    """What a program's derivative is like."""

    refused: str
    not_compiled: str
    function: Any = None
    gradient: Any = None
    extremes: tuple[Any, ...] = ()


def seen(p: Program, count: int) -> Seen:
    """`count`: how many arguments have gradients that are compared."""
    f = function_of(p.text, p.name)
    wrt = float_positions(p.args[:count])
    g = generated(f, wrt)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gradient = flat(g(*copy.deepcopy(p.args))[1])
            extremes = tuple(_far(f, g, p.args, count, scale) for scale in EXTREMES)
            return Seen("", _not_compiled(g, p.args), g, gradient, extremes)
    except UnsupportedError as error:
        return Seen(str(error), "")
    except Exception as error:  # a defect, which the program itself may not show
        return Seen(f"{type(error).__name__}: {error}", "")


def _not_compiled(g: Any, args: Any) -> str:
    try:
        loop_form(g, copy.deepcopy(args), verify=False)
    except NoLoopForm as reason:
        return str(reason)
    return ""


def _far(f: Any, g: Any, args: tuple[Any, ...], count: int, scale: float) -> Any:
    """The gradient at arguments that are so many times as large; None where the program raises or is not finite."""
    far = tuple(
        map_leaves(lambda v: v * scale if is_float_leaf(v) else v, a) if k < count else a
        for k, a in enumerate(args)
    )
    try:
        f(*copy.deepcopy(far))
        return flat(g(*copy.deepcopy(far))[1])
    except Exception:  # what NumPy raises there
        return None


def changed(p: Program, only: str = "") -> Outcome:
    """What a transformation changes that it must not."""
    before = seen(p, len(p.args))
    for name in [only] if only else CHANGES:
        after = transformed(p, name)
        if after is None:
            continue
        found = difference(p, before, seen(after, len(p.args)))
        if found:
            message = f"{name}: {found}"
            known = listed(message, KNOWN)
            return (
                Outcome("known", known) if known else Outcome("failed", f"{message}\n{after.text}")
            )
    return Outcome("ok")


def difference(p: Program, before: Seen, after: Seen) -> str:
    if bool(before.refused) != bool(after.refused):
        return f"refused: {before.refused or after.refused}"
    if before.refused:
        return ""
    if bool(before.not_compiled) != bool(after.not_compiled):
        return f"not compiled {'before' if before.not_compiled else 'after'}: {before.not_compiled or after.not_compiled}"
    off = float(np.max(np.abs(before.gradient - after.gradient), initial=0.0))
    size = max(1.0, float(np.max(np.abs(before.gradient), initial=0.0)))
    if off > 1e-10 * size and off > (
        2e-3 * size if p.is_narrow else 100 * sensitivity_of(p, before.function, before.gradient)
    ):
        return f"gradient off by {off:.3g}, of {size:.3g}"
    for scale, one, other in zip(EXTREMES, before.extremes, after.extremes, strict=True):
        if one is not None and other is not None and (np.isfinite(one) != np.isfinite(other)).any():
            return f"at {scale:g} times the arguments finite {'before' if np.isfinite(one).all() else 'after'} only"
    return ""
