"""Loop fission before elementary functions: they get an innermost loop of their own.

    for 0, %n { (%i) ->                              %ss = empty %n
        %s = for 0, %m ... (a long sum)              for 0, %n { (%i) -> %s = for 0, %m ...; store[i] %ss, %s, %i }
        %t = tanh %s                     becomes     for 0, %n { (%i) ->
        store[i] %h, %t, %i }                            %t = tanh (index[i] %ss, %i); store[i] %h, %t, %i }

LLVM vectorises innermost loops only. In such a loop `tanh` takes a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.alias import Roots, may_raise, storage_roots
from srcdiff.ir.build import Builder, Env, Rewriter, clone_statement, lookup
from srcdiff.ir.core import For, Function, Op, Region, Statement
from srcdiff.ir.syntax.spelling import plural
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Value, const, is_number_of, known_dim
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import uses_outside
from srcdiff.transforms.analysis.dependence.affine import ELEMENT_ACCESSES
from srcdiff.transforms.analysis.dependence.iteration_space import array_dims
from srcdiff.transforms.analysis.effects import conflict, footprint, together

_CROSSING = 2  # values that are stored for the second loop, at most


def split_loops(fn: Function) -> Function:
    """`fn` with loops split before elementary functions."""
    return _Split(fn)(fn)


@dataclass(frozen=True)
class _Parts:
    """The statements and carried values of the two loops, and the numbers that pass from the first to the second."""

    first: Sequence[Statement]
    second: Sequence[Statement]
    crossing: Sequence[Value]
    carried: tuple[list[int], list[int]]


class _Split(Rewriter):
    def __init__(self, fn: Function) -> None:
        self.roots = storage_roots(fn)
        self.lengths = {d for p in fn.params for d in array_dims(p.type)}

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        parts = _parts(new, self.roots) if isinstance(new, For) and self.counts_up(new) else None
        if parts is None:
            b.append(new)
            return
        assert isinstance(new, For)
        buffers = [
            b.op(memory.empty, new.stop, name=plural(v.name), dtype="float64")
            for v in parts.crossing
        ]
        _first_loop(new, parts, buffers, b)
        _second_loop(new, parts, buffers, b)

    def counts_up(self, loop: For) -> bool:
        """Whether a loop counts from 0 by 1 to a length, so that an array can hold one element for each iteration."""
        known = known_dim(loop.stop)
        has_room = known is not None and (
            known in self.lengths or (known.is_const and known.const > 0)
        )
        is_plain = loop.start == const(0) and loop.step == const(1)
        return is_plain and has_room and not loop.reverse and not loop.breaks


def _parts(loop: For, roots: Roots) -> _Parts | None:
    """The two parts of a loop; None if it may not be split, or if nothing is gained."""
    body = loop.body.body
    last = max((k for k, s in enumerate(body) if not isinstance(s, Op)), default=None)
    if last is None or not isinstance(body[last], For):
        return None
    first, second = body[: last + 1], body[last + 1 :]
    if not any(_is_function(s) for s in second) or any(map(_is_seen, second)):
        return None
    left, right = (together(footprint(s, roots) for s in part) for part in (first, second))
    carried = _carried(loop, first, second)
    if carried is None or conflict(left, replace(right, raises=False)):
        return None
    made = {r for s in first for r in s.results}
    used = [a for s in second for a in s.operands]
    used += [loop.carried_yields[k] for k in carried[1]]
    crossing = list(dict.fromkeys(a for a in used if isinstance(a, Value) and a in made))
    if len(crossing) > _CROSSING or any(not is_number_of(v, "float64") for v in crossing):
        return None
    return _Parts(first, second, crossing, carried)


def _is_function(s: Statement) -> bool:
    return isinstance(s, Op) and bool(s.decl.compiled) and isinstance(s.result.type, Scalar)


def _is_seen(s: Statement) -> bool:
    if not isinstance(s, Op) or s.decl.effect:
        return True
    # separate checks guard the indices of element accesses
    return s.decl not in ELEMENT_ACCESSES and may_raise(s)


def _carried(
    loop: For, first: Sequence[Statement], second: Sequence[Statement]
) -> tuple[list[int], list[int]] | None:
    """The positions of the carried values of the first part and of the second; None if both parts share one."""
    uses = [{v for s in part for v in uses_outside(s)} for part in (first, second)]
    made = [{r for s in part for r in s.results} for part in (first, second)]
    out: tuple[list[int], list[int]] = ([], [])
    for k, (param, y) in enumerate(zip(loop.body.params[1:], loop.carried_yields, strict=True)):
        if y in made[1] or (param in uses[1] and y not in made[0]):
            if param in uses[0]:
                return None
            out[1].append(k)
        elif param in uses[1]:
            return None
        else:
            out[0].append(k)
    return out


def _first_loop(loop: For, parts: _Parts, buffers: Sequence[Value], b: Builder) -> None:
    inner = b.inner()
    inner.body += parts.first
    for v, buffer in zip(parts.crossing, buffers, strict=True):
        inner.ops(memory.store, buffer, v, loop.index, where="i")
    b.append(_with(loop, parts.carried[0], loop.body, inner))


def _second_loop(loop: For, parts: _Parts, buffers: Sequence[Value], b: Builder) -> None:
    index = replace(loop.index)
    env: Env = {loop.index: index}
    inner = b.inner()
    for v, buffer in zip(parts.crossing, buffers, strict=True):
        env[v] = inner.op(memory.index, buffer, index, where="i", name=v.name)
    inner.body += [clone_statement(s, env) for s in parts.second]
    yields = tuple(lookup(env, y) for y in loop.body.yields)
    body = Region((index, *loop.body.params[1:]), loop.body.body, yields)
    b.append(_with(loop, parts.carried[1], body, inner))


def _with(loop: For, carried: Sequence[int], body: Region, inner: Builder) -> For:
    """The loop with some of its carried values, and the statements of `inner`."""
    region = inner.region(
        (body.params[0], *(body.params[k + 1] for k in carried)),
        (body.yields[k] for k in carried),
    )
    return replace(
        loop,
        carried=tuple(loop.carried[k] for k in carried),
        body=region,
        results=tuple(loop.results[k] for k in carried),
        pair=0,
    )
