"""Deferred errors: an error in an iteration is raised after the loop, so that threads that share the loop end together.

    for 0, %n { (%i) ->                          %failure = for 0, %n (0) { (%i, %failure.1) ->
        if %c { raise ... }          becomes         %code = if %c { yield 1 } else { ...; yield 0 }
        ... }                                        yield (maximum %failure.1, %code) }
                                                 if %failure > 0 { raise ... }

The rest of a failing iteration is skipped. The other iterations continue, and their results are not used.

Error codes: an exception becomes a number in an array and an early return, since kernels cannot raise on the host.

    if n == 0:                              if n == 0:
        raise IndexError("...")    becomes      failed[0] = 1
                                                return math.nan

The host raises the error when it finds its code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, shapes_for
from srcdiff.ir.core import For, Function, If, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Array, Dim, Scalar, Type
from srcdiff.ir.values import Atom, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.control import control, cuda_scalar
from srcdiff.ops.control.control import raise_
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import definitions_in

_CODE = Scalar("int64", True)


def failing_loops(region: Region) -> list[For]:
    """The loops that may raise, outer ones first."""
    return [s for s in walk(region) if isinstance(s, For) and _fails(s)]


def with_carried_failure(fn: Function, loop: For) -> Function | None:
    """`fn` with the errors of a loop raised after it; None if the loop has no such form."""
    quiet = _Quiet(shapes_for(fn))
    try:
        new, after = quiet.loop(loop)
    except _NoWay:
        return None
    return _Replace(loop, [new, *after])(fn)


def _fails(s: Statement) -> bool:
    return any(isinstance(i, Op) and i.decl is raise_ for i in walk(*regions_of(s)))


class _NoWay(Exception):
    """The loop has no form with deferred errors."""


class _Replace(Rewriter):
    def __init__(self, old: Statement, new: Sequence[Statement]) -> None:
        self.old, self.new = old, new

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if old is self.old:
            b.body += self.new
        else:
            super().statement(old, env, b)


class _Quiet:
    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self.raised: list[Op] = []
        self.made: Mapping[Atom, Statement] = {}

    def loop(self, loop: For) -> tuple[For, list[Statement]]:
        """The loop with an error code as a further result, and the statements after it that raise."""
        self.made = definitions_in(walk(loop.body))
        b = Builder(self.shapes, "compiler", loop.location)
        before = Value(_CODE, "failure")
        region = self.region(loop.body)
        b.body += region.body
        highest = b.op(arithmetic.maximum, before, region.yields[-1])
        body = Region((*loop.body.params, before), tuple(b.body), (*region.yields[:-1], highest))
        failure = Value(_CODE, "failure")
        new = replace(
            loop, carried=(*loop.carried, const(0)), body=body, results=(*loop.results, failure)
        )
        after = Builder(self.shapes, "compiler", loop.location)
        for k, op in enumerate(self.raised, 1):
            is_it = after.op(arithmetic.equal, failure, const(k))
            there = Region((), (op,), ())
            after.append(If(is_it, there, Region((), (), ()), (), op.location, "compiler"))
        return new, after.body

    def region(self, region: Region) -> Region:
        """A region that also yields an error code, 0 for none."""
        for k, s in enumerate(region.body):
            before = region.body[:k]
            if isinstance(s, Op) and s.decl is raise_:
                yields = (*map(_zero, region.yields), self.code(s))
                return Region(region.params, before, yields)
            if _fails(s):
                rest = Region((), region.body[k + 1 :], region.yields)
                found, results = self.failing(s, rest)
                return Region(region.params, (*before, *found), results)
        return replace(region, yields=(*region.yields, const(0)))

    def failing(self, s: Statement, rest: Region) -> tuple[list[Statement], tuple[Atom, ...]]:
        """The statements for one that may fail and for the rest, which runs if it does not; and their yields."""
        if isinstance(s, While) or (isinstance(s, For) and s.breaks):
            raise _NoWay
        b = Builder(self.shapes, "compiler", s.location)
        code: Value
        if isinstance(s, If):
            if not s.results and _ends(s.then):
                return self.either(s, rest)
            then = self.region(s.then)
            orelse = self.region(s.orelse)
            code = Value(_CODE, "code")
            b.append(replace(s, then=then, orelse=orelse, results=(*s.results, code)))
        else:
            assert isinstance(s, For)
            before, found = Value(_CODE, "code"), Value(_CODE, "code")
            region = self.region(s.body)
            body = Builder(self.shapes, "compiler", s.location)
            body.body += region.body
            highest = body.op(arithmetic.maximum, before, region.yields[-1])
            yields = (*region.yields[:-1], highest)
            new = Region((*s.body.params, before), tuple(body.body), yields)
            code = found
            b.append(
                replace(s, carried=(*s.carried, const(0)), body=new, results=(*s.results, found))
            )
        if not rest.body:
            return b.body, (*rest.yields, code)
        is_well = b.op(arithmetic.equal, code, const(0))
        well = self.region(rest)
        results = tuple(map(_fresh, well.yields))
        ill = Region((), (), (*self.instead(rest), code))
        b.append(If(is_well, well, ill, results, s.location, "compiler"))
        return b.body, results

    def either(self, s: If, rest: Region) -> tuple[list[Statement], tuple[Atom, ...]]:
        """`if ...: raise ...` before the rest of an iteration; the rest becomes the other branch."""
        *before, raised = s.then.body
        assert isinstance(raised, Op)
        well = self.region(replace(rest, body=(*s.orelse.body, *rest.body)))
        found = tuple(map(_fresh, well.yields))
        ill = Region((), tuple(before), (*self.instead(rest), self.code(raised)))
        return [replace(s, then=ill, orelse=well, results=found)], found

    def instead(self, rest: Region) -> list[Atom]:
        """Yields for a rest that is skipped: sums keep their old value, the others are any number."""
        later = {r for s in rest.body for r in s.results}
        found: list[Atom] = []
        for y in rest.yields:
            begun = _begun(y, self.made)
            if begun is None or begun.type != y.type:
                begun = _zero(y) if y in later else y
            found.append(begun)
        return found

    def code(self, op: Op) -> Atom:
        if op.operands:
            raise _NoWay
        for k, known in enumerate(self.raised, 1):
            if known.attrs.get("text") == op.attrs.get("text"):
                return const(k)
        self.raised.append(op)
        return const(len(self.raised))


def _begun(y: Atom, made: Mapping[Atom, Statement]) -> Atom | None:
    """The loop-carried value to which `y` adds terms, if `y` is such a sum."""
    s = made.get(y)
    if s is None:
        return y if isinstance(y, Value) else None
    if isinstance(s, Op) and s.decl in (arithmetic.add, arithmetic.subtract):
        return _begun(s.operands[0], made) or _begun(s.operands[1], made)
    if isinstance(s, For) and not s.breaks:
        return _begun(s.carried[s.results.index(y)], made)
    if isinstance(s, If):
        return _begun(s.then.yields[s.results.index(y)], made)
    return None


def _ends(region: Region) -> bool:
    *before, last = region.body or (None,)
    is_raise = isinstance(last, Op) and last.decl is raise_
    return is_raise and all(isinstance(s, Op) and s.decl is not raise_ for s in before)


def _fresh(a: Atom) -> Value:
    if not isinstance(a.type, Scalar):
        raise _NoWay
    return Value(replace(a.type, expr=None), getattr(a, "name", ""))


def _zero(a: Atom) -> Atom:
    if not isinstance(a.type, Scalar):
        raise _NoWay
    return const({"f": 0.0, "b": False}.get(a.type.dtype[0], 0))


def device_errors(fn: Function) -> Function:
    """`fn` with a last parameter `failed`; code k stands for the k-th error of `target.failures`, from 1 on."""
    name = "failed"
    while name in {p.name for p in fn.params}:
        name = f"{name}_"
    failed = Value(Array("int32", (Dim(1),)), name)
    pass_ = _Leave(failed, tuple(y.type for y in fn.body.yields))
    new = pass_(fn)
    body = replace(new.body, params=(*fn.params, failed))
    return replace(new, body=body, target=replace(fn.target, failures=tuple(pass_.failures)))


class _Leave(Rewriter):
    def __init__(self, failed: Value, results: tuple[Type, ...]) -> None:
        self.failed = failed
        self.nothing = ", ".join(map(_nothing, results))
        self.failures: list[tuple[type[Exception], str]] = []

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or old.decl is not control.raise_:
            super().statement(old, env, b)
            return
        b.location, b.origin = old.location, old.origin
        error = (_class_of(old), _message_of(old))
        if error not in self.failures:
            self.failures.append(error)
        b.ops(memory.store, self.failed, const(self.failures.index(error) + 1), const(0), where="i")
        b.ops(cuda_scalar.leave, text=self.nothing)


def _class_of(op: Op) -> type[Exception]:
    found = next((c for c in op.attrs["classes"].values()), ValueError)
    return found if isinstance(found, type) and issubclass(found, Exception) else ValueError


def _message_of(op: Op) -> str:
    """The argument of `ValueError("...")`, if it is a literal text."""
    text = str(op.attrs["text"])
    inner = text[text.find("(") + 1 : -1].strip() if "(" in text else ""
    is_text = inner[:1] in "'\"" and inner[-1:] == inner[:1]
    return inner[1:-1].replace("{{", "{").replace("}}", "}") if is_text else ""


def _nothing(type_: Type) -> str:
    if not isinstance(type_, Scalar) or type_.dtype == "float64":
        return "np.nan"
    if type_.dtype == "float32":
        return "np.float32(np.nan)"
    return "False" if type_.dtype == "bool" else f"np.{type_.dtype}(0)"
