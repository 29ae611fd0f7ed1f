"""Roles of values that decide where they are written: an element, an offset, a sign, a term, a part."""

from __future__ import annotations

from srcdiff.codegen.plan.defuse import Use
from srcdiff.codegen.plan.plan import Let
from srcdiff.ir.core import Call
from srcdiff.ir.types import INT, Dim, Scalar, strip
from srcdiff.ir.values import Const, known_dim

_REPEATED = {"negative", "add", "subtract", "multiply", "square", "power", "divide", "unit_part"}


def takes_over(use: Use) -> bool:
    """Whether whoever uses storage is all that has it from then on: a name, or what holds it."""
    op = use.node.op if isinstance(use.node, Let) else None
    return not use.deeper and (op is None or op.view_of is None)


def is_read(let: Let) -> bool:
    return let.op is not None and let.op.decl.name == "read"


def is_part(let: Let) -> bool:
    """A slice between bounds, such as `x[1:]`, or `x.ravel()`: used often, it is a thing of its own."""
    if let.op is None:
        return False
    return let.op.decl.name == "ravel" or any(
        k in str(let.op.attrs.get("where", "")) for k in "bes"
    )


def is_element(let: Let) -> bool:
    """Whether it is one element of an array, by its indices."""
    op = let.op
    if op is None or op.decl.name != "index" or not isinstance(op.result.type, Scalar):
        return False
    return set(op.attrs["where"].split(", ")) == {"i"}


def moves_on(let: Let) -> bool:
    """Whether each iteration of the innermost loop around loads another element."""
    index = let.loops[-1].index if let.loops else None
    counted = known_dim(index) if index is not None else None
    own = () if counted is None else counted.symbols()
    return any(
        not set(own).isdisjoint((known_dim(a) or Dim(0)).symbols()) for a in let.operands[1:]
    )


def is_written_out(let: Let, uses: list[Use]) -> bool:
    """Whether only the user's own lines use it: they write it again each time."""
    return let.origin == "user" and all(u.node.origin == "user" for u in uses)


def is_free(let: Let) -> bool:
    return let.op is not None and let.op.decl.cost == "free" and len(let.results) == 1


def is_offset(let: Let) -> bool:
    """Whether it is a position beside another one, such as `i - 1`: written wherever it is used."""
    op = let.op
    if op is None or op.decl.name not in ("add", "subtract") or strip(op.result.type) != INT:
        return False
    return any(isinstance(a, Const) for a in op.operands)


def is_term(use: Use) -> bool:
    """Whether a value is used in a product or sum, where a sign goes to the front."""
    op = use.node.op if isinstance(use.node, Let) else None
    return op is not None and op.decl.name in ("add", "subtract", "multiply")


def is_quotient(let: Let) -> bool:
    return let.op is not None and let.op.decl.name == "divide"


def is_sign(let: Let) -> bool:
    op = let.op
    return op is not None and op.decl.name == "negative" and isinstance(op.result.type, Scalar)


def is_trivial(let: Let) -> bool:
    """Whether an operation is so small that a person writes it again."""
    op = let.op
    if op is None:
        return False
    if op.decl.cost in ("free", "cheap") or op.decl.name in ("read", "negative"):
        return True
    return op.decl.name in _REPEATED and all(isinstance(a.type, Scalar) for a in op.operands)


def is_container(let: Let) -> bool:
    """Whether the one result comes in a container, which has to be unpacked: `(x,) = xs` is no value."""
    if let.op is not None:
        return let.op.decl.name == "unpack"
    return isinstance(let.source, Call) and not isinstance(let.source.function.output, int)
