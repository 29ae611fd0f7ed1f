"""Log-space loop-carried values: a loop carries logarithms instead of exponentials, where all uses end in logarithms.

    s = 0.0                                      log_s = -np.inf
    for i in range(n):                           for i in range(n):
        s += np.exp(x[i])             ->             log_s = np.logaddexp(log_s, x[i])
        out += np.log(s)                             out += log_s

    a = np.exp(x)                                scaled_a, shift = np.ones(len(x)), x
    for t in range(n):                           for t in range(n):
        a = a @ P * np.exp(B[t])                     top = np.max(shift)
                                      ->             product = scaled_a * np.exp(shift - top) @ P
                                                     size = np.where(product != 0.0, np.abs(product), 1.0)
                                                     scaled_a, shift = product / size, top + B[t] + np.log(size)

The first form applies where all values are positive for all arguments. The second applies where a factor may have any
sign or be 0. Its scaled value is 1, -1 or 0, and the derivative does not depend on the size or on the largest shift.
An array or list that a loop fills from its own earlier elements is treated like a carried value (`flow` finds both).
Where the original value is used, it is restored as the exponential of what the loop carries; the rewriting of
logarithms simplifies it further (`logarithm`).
"""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from srcdiff.ir.build import Builder, Env, Rewriter, lookup, with_parts
from srcdiff.ir.core import For, Function, Op, Region, Statement, While, regions_of, walk
from srcdiff.ir.location import Location
from srcdiff.ir.types import shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import containers, creation, memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.transforms.analysis.defuse import same_kind, with_rewrites
from srcdiff.transforms.logspace.factored_form import Parts, as_number, with_name
from srcdiff.transforms.logspace.logarithm import Logarithms
from srcdiff.transforms.logspace.representation.flow import Flow, Flows, is_filled_with, is_log
from srcdiff.transforms.rewrite.patterns import function

exp, held, where, absolute, greater, log = map(
    function, ("exp", "held", "where", "absolute", "greater", "log")
)

Kept = tuple[Atom, ...]  # (logarithm,), or (scaled value, exponent)


def log_carried(fn: Function, name: str) -> Function:
    """`fn` with loops that carry logarithms; `name`: the name of the rewriting in the record of rewritings."""
    statements = list(walk(fn.body))
    if not any(isinstance(s, For | While) for s in statements) or not any(map(is_log, statements)):
        return fn
    flows = Flows(fn)
    if not flows.found:
        return fn
    pass_ = _Carried(flows)
    new = with_rewrites(pass_(fn), fn, [(name, at) for at in dict.fromkeys(pass_.fired)])
    terms = new.rewriting.product_terms | pass_.product_terms
    return replace(new, rewriting=replace(new.rewriting, product_terms=terms))


class _Carried(Rewriter):
    """`kept[v]`: the new values that stand for an old value of a flow, or for the storage that holds it."""

    def __init__(self, flows: Flows) -> None:
        self.made, self.defined = flows.made, flows.defined
        self.kept: dict[Atom, Kept] = {}
        self.known: dict[Atom, Parts] = {}
        self.joins: dict[Statement, list[Flow]] = defaultdict(list)
        # a write into storage -> whether it holds logarithms
        self.writes: dict[Statement, bool] = {}
        self.reads: set[Value] = set()
        self.read_there: set[Value] = set()  # the reads, and views of the storage
        self.is_positive = flows.found
        # computed sources of flows -> whether they are kept as logarithms
        self.ends: dict[Value, bool] = {}
        self.scaled_values: set[Atom] = set()  # 1, -1 or 0
        flowing = flows.flowing(flows.found)
        for f, is_positive in flows.found.items():
            self.joins[f.of].append(f)
            self.writes |= dict.fromkeys(f.writes, is_positive)
            self.reads |= set(f.targets) if isinstance(f.of, Op) else set()
            self.read_there |= {*f.views, *self.reads}
            for a in flowing.intersection(f.sources):
                self.ends[a] = self.ends.get(a, False) or is_positive  # type: ignore[index, arg-type]
        self.fired: list[Location | None] = []
        self.product_terms: set[Value] = set()

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.location, b.origin = old.location, "compiler"
        if old in self.joins:
            if isinstance(old, Op):
                self.storage(old, self.joins[old][0], env, b)
            else:
                self.joined(old, self.joins[old], env, b)
        elif not isinstance(old, Op):
            b.append(self.keep(old, env, b))
        elif old in self.writes:
            self.write(old, env, b)
        elif len(old.results) == 1 and old.result in self.read_there:
            self.read(old, env, b)
        elif len(old.results) == 1 and old.result in self.ends:
            self.end(old.result, env, b)
        else:
            b.append(self.keep(old, env, b))

    # ---- loops and branches ---------------------------------------------------------------------------------

    def joined(self, old: Statement, flows: Sequence[Flow], env: Env, b: Builder) -> None:
        operands, more = [lookup(env, a) for a in old.operands], list[Atom]()
        if isinstance(old, For | While):
            offset = len(operands) - len(old.carried)
            for f in flows:
                first = self.kept_of(f.sources[0], f.targets[0], self.is_positive[f], env, b)
                operands[offset + f.at], *shift = first
                more += shift
            operands += more
        regions = [self.joined_region(old, r, flows, env, b) for r in regions_of(old)]
        results, shifts = list(old.results), list[Value]()
        offset = len(results) - len(old.carried) if isinstance(old, For | While) else 0
        for f in flows:
            results[offset + f.at], *new = self.renew(old.results[offset + f.at], f)
            shifts += new
        b.append(with_parts(old, operands, regions, lambda: (*results, *shifts)))
        for f in flows:
            self.whole(old.results[offset + f.at], b)

    def joined_region(
        self, old: Statement, region: Region, flows: Sequence[Flow], env: Env, b: Builder
    ) -> Region:
        inner, within, params, shifts = b.inner(), dict(env), list(region.params), list[Value]()
        if isinstance(old, For | While):
            offset = len(params) - len(old.carried)
            for f in flows:
                params[offset + f.at], *shift = self.renew(region.params[offset + f.at], f)
                shifts += shift
                self.whole(region.params[offset + f.at], inner)
        params += shifts
        for s in region.body:
            self.statement(s, within, inner)
        ys, ends = [lookup(within, y) for y in region.yields], list[Atom]()
        if isinstance(old, While) and region is old.test:
            return inner.region(params, ys)
        inner.location, inner.origin = old.location, "compiler"
        offset = len(ys) - len(old.carried) if isinstance(old, For | While) else 0
        for f in flows:
            y, is_positive = region.yields[offset + f.at], self.is_positive[f]
            ys[offset + f.at], *end = self.kept_of(y, f.targets[0], is_positive, within, inner)
            ends += end
        return inner.region(params, [*ys, *ends])

    def renew(self, old: Value, f: Flow) -> list[Value]:
        """New values that stand for an old one from here on."""
        name = old.name or "total"
        if self.is_positive[f]:
            new = [Value(old.type, f"log_{name}")]
        else:
            new = [Value(old.type, f"scaled_{name}"), Value(old.type, "shift")]
        self.know(old, tuple(new))
        return new

    def end(self, y: Value, env: Env, b: Builder) -> None:
        """Convert the source of a flow where it is computed."""
        self.fired.append(b.location)
        kept = self.kept_of(y, y, self.ends[y], env, b)
        name = y.name or "total"
        if len(kept) == 1:
            kept = (with_name(kept[0], f"log_{name}", b),)
        self.know(y, kept)
        self.whole(y, b)

    # ---- storage --------------------------------------------------------------------------------------------

    def storage(self, old: Op, flow: Flow, env: Env, b: Builder) -> None:
        is_positive, name = self.is_positive[flow], old.result.name or "total"
        names = (f"log_{name}",) if is_positive else (f"scaled_{name}", "shifts")
        kept = tuple(Value(old.result.type, name) for name in names)
        firsts = flow.sources[: len(flow.sources) - len(flow.writes)]
        contents = [self.kept_of(a, a, is_positive, env, b) for a in firsts]
        for k, new in enumerate(kept):
            if contents or old.decl is containers.list_new:
                b.op(old.decl, *(c[k] for c in contents), spelling=old.spelling, **old.attrs)
            else:
                self.filled(old, is_scaled=k < len(kept) - 1, env=env, b=b)
            b.body[-1] = replace(b.body[-1], results=(new,))
        self.kept[old.result] = kept
        env[old.result] = kept[0]  # has the same length

    def filled(self, old: Op, is_scaled: bool, env: Env, b: Builder) -> None:
        """Allocate an array: with its original contents if it is the scaled one, otherwise with their logarithms."""
        operands = [lookup(env, a) for a in old.operands]
        number = is_filled_with(old.result, self.defined)
        if is_scaled or number is None:
            b.op(old.decl, *operands, **old.attrs)
        elif number:
            decl = memory.zeros_like if old.decl is memory.ones_like else memory.zeros
            b.op(decl, *operands, **old.attrs)
        elif old.decl is memory.zeros_like:
            b.op(creation.full_like, *operands, const(-np.inf))
        else:
            attrs = {} if old.attrs.get("dtype") == "float64" else old.attrs
            b.op(creation.full, const(-np.inf), *operands, **attrs)

    def write(self, old: Op, env: Env, b: Builder) -> None:
        self.fired.append(old.location)
        storage, value, *rest = old.operands
        values = self.kept_of(value, value, self.writes[old], env, b)
        places = [lookup(env, a) for a in rest]
        for into, x in zip(self.kept[storage], values, strict=True):
            b.append(replace(old, operands=(into, x, *places)))

    def read(self, old: Op, env: Env, b: Builder) -> None:
        storage, *rest = old.operands
        places, held_in = [lookup(env, a) for a in rest], self.kept[storage]
        names = ("log",) if len(held_in) == 1 else ("scaled", "shift")
        kept = []
        for held_one, prefix in zip(held_in, names, strict=True):
            name = f"{prefix}_{old.result.name}" if old.result.name and prefix != "shift" else ""
            new = replace(old.result, user=False, name=name)
            b.append(replace(old, operands=(held_one, *places), results=(new,)))
            kept.append(new)
        self.know(old.result, tuple(kept))
        if old.result in self.reads:
            self.whole(old.result, b)
        else:
            env[old.result] = kept[0]

    # ---- logarithms -----------------------------------------------------------------------------------------

    def maker(self, env: Env, b: Builder) -> Logarithms:
        maker = Logarithms(self.made, lambda a: lookup(env, a), b)
        maker.known = ChainMap({}, self.known)
        return maker

    def know(self, old: Value, kept: Kept) -> None:
        """Note what stands for a value from here on."""
        self.kept[old] = kept
        x, *shift = kept
        self.known[old] = (
            Parts([(1.0, shift[0])], [x], is_positive=False) if shift else Parts([(1.0, x)])
        )
        self.scaled_values |= {x} if shift else set()

    def kept_of(self, atom: Atom, like: Atom, is_positive: bool, env: Env, b: Builder) -> Kept:
        """The logarithm of a value, or its scaled value and exponent, in the shape and kind of number of `like`."""
        kept = self.kept.get(atom)
        number = is_filled_with(atom, self.defined)
        if kept is None and number is not None:
            kept = self.of_number(number, lookup(env, atom), is_positive, b)
        elif kept is None:
            maker = self.maker(env, b)
            parts = maker.parts(atom)
            if parts.is_signed:
                parts = maker.plain(atom)
            kept = (
                (maker.logarithm(parts),) if is_positive else self.scaled(atom, parts, like, maker)
            )
            self.product_terms |= maker.product_terms
        if not is_positive and len(kept) == 1:
            kept = (const(1.0), *kept)
        return tuple(self.fitted(a, like, kept, b) for a in kept)

    def of_number(self, number: float, x: Atom, is_positive: bool, b: Builder) -> Kept:
        if not is_positive:
            return x, const(0.0 if number else -np.inf)
        out = const(float(np.log(number)) if number else -np.inf)
        return (b.op(creation.full_like, x, out),) if shape_of(x.type) else (out,)

    def scaled(self, atom: Atom, parts: Parts, like: Atom, maker: Logarithms) -> Kept:
        """A factor and an exponent. The source of a flow is normalised to a factor of size 1, except where the factor
        is one already, or the value is a sum with a carried value.
        """
        factor, exponent = maker.factor(parts), maker.exponent(parts)
        op = self.made.get(atom)
        is_sum = (
            op is not None
            and op.decl is arithmetic.add
            and not self.kept.keys().isdisjoint(op.operands)
        )
        is_one = parts.is_pure or (
            len(parts.factors) == 1
            and parts.factors[0] in self.scaled_values
            and not parts.divisors
        )
        if atom not in self.ends or is_sum or is_one:
            return factor, exponent
        factor = self.fitted(factor, like, (exponent,), maker.b)
        size = maker.make(
            lambda f: held(where(greater(absolute(f), 0.0), absolute(f), 1.0)), factor
        )
        factor = maker.make(lambda f, s: f / s, factor, size)
        return factor, maker.make(lambda x, s: x + log(s), exponent, size)

    def fitted(self, a: Atom, like: Atom, kept: Kept, b: Builder) -> Atom:
        """`a` as an array if `like` is an array, otherwise as Python's or NumPy's number like `like`."""
        if isinstance(a, Const):
            a = const(float(a.value))
        if not shape_of(like.type) or shape_of(a.type):
            return a if isinstance(a, Const) else as_number(a, like.type, b)
        array = next(x for x in (*kept, like) if shape_of(x.type))
        if isinstance(a, Const) and a.value == 0:
            return b.op(memory.zeros_like, array)
        return b.op(creation.full_like, array, a)

    def whole(self, old: Value, b: Builder) -> None:
        """Restore the old value from what stands for it."""
        maker, kept = Logarithms({}, lambda a: a, b), self.kept[old]
        if len(kept) == 1:
            new = maker.make(exp, *kept)
        else:
            new = maker.make(lambda x, shift: x * exp(shift), *kept)
        new = as_number(new, old.type, b)
        last = b.body[-1]
        assert isinstance(last, Op) and last.result is new and same_kind(new.type, old.type)
        b.body[-1] = replace(last, results=(old,))
