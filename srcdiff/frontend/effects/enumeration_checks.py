"""Which draws are finite choices to be summed out, and which uses of them a sum would break."""

from __future__ import annotations

from collections.abc import Sequence

import gast
import numpy as np

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import FrontValue, Known, Parts, Statements, is_static, static
from srcdiff.frontend.effects.enumeration_syntax import reads_name
from srcdiff.frontend.effects.handlers import handler_method
from srcdiff.frontend.source.jumps import may_exit
from srcdiff.frontend.source.refusals import fail
from srcdiff.ir.alias import has_storage, storage_roots, writes_of
from srcdiff.ir.core import Function, Region, regions_of, walk
from srcdiff.ir.values import Value

ADVICE = "Give the site a value, or draw it where nothing behind the block depends on it."


def draw_of(fr: Frame, s: gast.AST) -> tuple[str, gast.AST] | None:
    """The name and the call of `z = sample("z", d)`."""
    if not fr.session.handlers or not isinstance(s, gast.Assign) or len(s.targets) != 1:
        return None
    target, call = s.targets[0], s.value
    if not isinstance(target, gast.Name) or not isinstance(call, gast.Call) or len(call.args) < 2:
        return None
    function = fr.expr(call.func)
    effect = function.value if isinstance(function, Known) else None
    if getattr(effect, "srcdiff_effect", "") != "sample" or call.keywords or len(call.args) != 2:
        return None
    return target.id, call


def site_of(fr: Frame, s: gast.AST) -> tuple[str, gast.AST] | None:
    """The name and the call of `z = sample("z", d)`, if that is to be summed out."""
    found = draw_of(fr, s)
    if found is None or not has_no_value(fr, found[1]):
        return None
    return found if is_finite_choice(fr, found[1]) else None


def has_no_value(fr: Frame, call: gast.AST) -> bool:
    """Whether the handler sums a site of this name out."""
    method = handler_method(fr, "sums_out")
    if method is None:
        return False
    name = fr.expr(call.args[0])
    return is_static(name) and bool(static(fr.call(call, method, [name])))


def is_finite_choice(fr: Frame, call: gast.AST) -> bool:
    """Whether a distribution is over few whole numbers."""
    distribution: FrontValue = fr.expr(call.args[1])
    is_discrete = fr.attribute(distribution, "is_discrete", call)
    is_finite = isinstance(distribution, Parts) and hasattr(distribution.cls, "enumerate_support")
    return is_finite and is_static(is_discrete) and bool(static(is_discrete))


def counts_from_zero(fr: Frame, call: gast.AST) -> bool:
    """Whether a choice's values are 0, 1, 2, ...: each is its own place among them."""
    counted: FrontValue = fr.attribute(fr.expr(call.args[1]), "counts_from_zero", call)
    return bool(static(counted))


def is_one(fr: Frame) -> bool:
    """Whether one item chooses, and not those of plates at once."""
    handler = fr.session.current(fr.session.handlers[-1])
    found = (
        dict(zip(handler.keys, handler.values, strict=True)) if isinstance(handler, Parts) else {}
    )
    sizes = found.get("sizes")
    return sizes is None or (isinstance(sizes, Parts) and not sizes.values)


def is_block(fr: Frame) -> bool:
    """Whether the function was called by another one of the user's."""
    return fr.caller is not None and not fr.caller.source.file.startswith("<srcdiff ")


# ---- what would be lost ----------------------------------------------------------------------------------


def check(
    fr: Frame, s: gast.AST, z: str, names: set[str], after: Statements, live: frozenset[str]
) -> None:
    """Nothing that depends on the choice may be used outside of the sum."""
    for name in sorted(names):
        if name in live or reads_name(after, name):
            what = "is" if name == z else f"may depend on `{z}`, which is"
            fr.fail(s, f"`{name}` is used after the block, and {what} summed out", ADVICE)


def check_before(fr: Frame, z: str, before: Statements) -> None:
    """The statements before the draw in an iteration are the same for all states: they neither read the last state
    nor draw.
    """
    for s in before:
        if reads_name([s], z) or may_exit(s) or not all(_is_of_numpy(fr, c) for c in _calls(s)):
            fr.fail(
                s,
                f"this stands before `{z}` is drawn again, and may draw or depend on the last `{z}`",
                "Write it after the draw, or with NumPy's functions alone.",
            )


def check_exits(fr: Frame, z: str, inside: Statements) -> None:
    for r in inside:
        if may_exit(r):
            fr.fail(
                r,
                f"this may leave the block, where `{z}` is summed out",
                "Write what is skipped under an `if`.",
            )


def check_sum(fr: Frame, node: gast.AST, body: Region, carried: Sequence[str]) -> None:
    """Nothing outside of a sum is changed in it, since each value would: but for the terms, and the handler."""
    handlers = {h.cell for h in fr.session.handlers if isinstance(h, Parts)}
    changed = [n for n in carried if n.startswith("%cell") and n not in handlers]
    free = [v for v in _free(body) if has_storage(v.type)]
    outside = {*free, *body.params} - {fr.env.get(node.stores)}
    function = Function("sum", Region((*free, *body.params), body.body, ()), -1)
    roots = storage_roots(function)
    written = (
        s.location for s in walk(body) if not regions_of(s) and writes_of(s, roots) & outside
    )
    for location in [*written, *(fr.source.location(node) for _ in changed)]:
        fail(
            "this changes a value from before a choice that is summed out, and each of its values would change it",
            "Make it after the draw.",
            location,
        )


def _free(body: Region) -> list[Value]:
    """The values that a region has from outside."""
    own = {*body.params}
    found: dict[Value, None] = {}
    for s in walk(body):
        own |= {*s.results, *(p for r in regions_of(s) for p in r.params)}
    for s in walk(body):
        for a in (*s.operands, *(y for r in regions_of(s) for y in r.yields)):
            if isinstance(a, Value) and a not in own:
                found[a] = None
    return [*found]


def _calls(s: gast.AST) -> list[gast.AST]:
    return [n for n in gast.walk(s) if isinstance(n, gast.Call)]


def _is_of_numpy(fr: Frame, call: gast.AST) -> bool:
    """Whether a function of NumPy's, SciPy's or Python's is called."""
    root = call.func
    while isinstance(root, gast.Attribute):
        root = root.value
    if not isinstance(root, gast.Name) or root.id in fr.local:
        return False
    function = fr.expr(call.func)
    module = getattr(getattr(function, "value", None), "__module__", None) or ""
    is_ufunc = isinstance(getattr(function, "value", None), np.ufunc)
    return is_ufunc or module.partition(".")[0] in ("numpy", "scipy", "math", "builtins")
