"""Choice of prototypes: `zeros_like` takes an array that is needed anyway, so that its former prototype is not
computed.

%18 = power %u, 2
%flux = multiply 0.5, %18                    ->    %d_flux = zeros_like %u
%d_flux = zeros_like %flux

The new prototype is an operand of the old one, so that it is defined wherever the zeros are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Statement, Value, regions_of, walk
from srcdiff.ir.definedness import Presence
from srcdiff.ops.arrays import memory
from srcdiff.transforms.analysis.defuse import defined_in, definitions, is_generated
from srcdiff.transforms.simplify.dce import dce

__all__ = ["no_kept_models", "other_models"]


def other_models(fn: Function) -> Function:
    """`fn` without arrays that are there for their shape only, as far as that is simple."""
    made = [s for s in walk(fn.body) if isinstance(s, Op) and _has_model(s)]
    if all(s.operands[0] in fn.params for s in made):
        return fn
    bare = _Without(dict.fromkeys(made))(fn)
    alive = {*fn.params, *defined_in(dce(bare).body)}
    makers = definitions(fn)
    models = {s: _like(s.operands[0], alive, makers) for s in made}
    changed = {s: m for s, m in models.items() if m is not None and m is not s.operands[0]}
    return _Without(changed)(fn) if changed else fn


def no_kept_models(fn: Function) -> Function:
    """`fn` where nothing is kept for its shape only: the zeros that are made like it ask for its lengths.

    %scores.1 = restore[slot=1]                    ->    %d_scores = zeros_of[type=type(float64[k])]
    %d_scores = zeros_like %scores.1
    """
    made = [s for s in walk(fn.body) if isinstance(s, Op) and _has_model(s)]
    ops = [s for s in walk(fn.body) if isinstance(s, Op)]
    kept = {s.result: s.attrs["slot"] for s in ops if s.decl is memory.restore}
    if kept.keys().isdisjoint(s.operands[0] for s in made):
        return fn
    maker = {r: s for s in walk(fn.body) for r in s.results}
    uncertain = Presence(fn, maker).uncertain()  # kept as None, which has no length to ask for
    absent = {s.attrs["slot"] for s in ops if s.decl is memory.save and s.operands[0] in uncertain}
    others = {a for s in walk(fn.body) if s not in made for a in s.operands}
    others |= {y for s in walk(fn.body) for r in regions_of(s) for y in r.yields}
    others.update(fn.body.yields)
    bare = {v for v, slot in kept.items() if slot not in absent} - others
    return _Without(dict.fromkeys(s for s in made if s.operands[0] in bare))(fn)


def _has_model(op: Op) -> bool:
    if op.decl not in (memory.zeros_like, memory.empty_like) or not is_generated(op):
        return False
    model = op.operands[0]
    return isinstance(model, Value) and model.type == op.result.type


def _like(model: object, alive: Set[Value], makers: Mapping[Value, Op]) -> Value | None:
    """The nearest array of the same type that is there anyway, of those that a model is computed from."""
    pending = [model]
    while pending:
        value = pending.pop(0)
        if value in alive:
            assert isinstance(value, Value)
            return value
        maker = makers.get(value) if isinstance(value, Value) else None
        if maker is not None and maker.decl.elementwise:
            assert isinstance(value, Value)
            pending += [a for a in maker.operands if a.type == value.type]
    return None


class _Without(Rewriter):
    """Puts other models in; None: no model at all, by the type alone."""

    def __init__(self, models: Mapping[Op, Value | None]) -> None:
        self.models = models

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not isinstance(old, Op) or old not in self.models:
            super().statement(old, env, b)
            return
        model = self.models[old]
        if model is not None:
            b.append(replace(old, operands=(lookup(env, model),)))
        else:
            b.append(
                replace(old, decl=memory.zeros_of, operands=(), attrs={"type": old.result.type})
            )
