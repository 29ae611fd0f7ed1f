"""Log-space branches: an `if` that chooses between exponentials yields exponents, where logarithms use its results.

    if x > 0:                                    if x > 0:
        p = 1 / (1 + np.exp(-x))                     log_p = -np.logaddexp(0.0, -x)
    else:                                        else:
        p = np.exp(x) / (1 + np.exp(x))   ->         log_p = x - np.logaddexp(0.0, x)
    return np.log(p)                             p = np.exp(log_p)
                                                 return np.log(p)

The result has to be positive in both branches for all arguments. `stability.stabilise` keeps the change only if more
logarithms are rewritten with it.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, If, Region, Statement, regions_of, walk
from srcdiff.ir.types import Scalar, Type
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.elementwise import elementary
from srcdiff.transforms.analysis.defuse import pure_definitions, same_kind, written_values
from srcdiff.transforms.logspace.factored_form import as_number
from srcdiff.transforms.logspace.logarithm import Logarithms
from srcdiff.transforms.logspace.worker_wrapper import observed_values
from srcdiff.transforms.simplify.dce import dce
from srcdiff.transforms.simplify.merge_branches import fold_identical_branches


def log_branches(fn: Function) -> Function:
    """`fn` with branches that yield exponents; their results are the exponentials of these."""
    if not any(isinstance(s, If) for s in walk(fn.body)):
        return fn
    while in_logarithms := observed_values(fn):  # also branches within branches
        new = _LogBranches(fn, in_logarithms)(fn)
        if new.body is fn.body:
            break
        # branches with the same exponent fold, so that `p` and `1 - p` have one form each
        fn = fold_identical_branches(dce(new))
    return fn


class _LogBranches(Rewriter):
    def __init__(self, fn: Function, in_logarithms: set[Atom]) -> None:
        self.in_logarithms, self.written = in_logarithms, written_values(fn)
        self.made = pure_definitions(fn, self.written)

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        chosen = self.chosen(old, b) if isinstance(old, If) else {}
        if not chosen or not isinstance(old, If):
            b.append(self.keep(old, env, b))
            return
        regions = [self.of_logs(r, chosen, env, b) for r in regions_of(old)]
        logs = {k: Value(t, f"log_{r.name}" if r.name else "") for k, (r, t) in chosen.items()}
        results = tuple(logs.get(k, r) for k, r in enumerate(old.results))
        b.append(
            replace(
                old,
                condition=lookup(env, old.condition),
                then=regions[0],
                orelse=regions[1],
                results=results,
            )
        )
        b.location, b.origin = old.location, "compiler"
        for k, (r, _) in chosen.items():
            env[r] = as_number(b.op(elementary.exp, logs[k], name=r.name), r.type, b)

    def chosen(self, old: If, b: Builder) -> dict[int, tuple[Value, Type]]:
        """The results that are exponentials in some branch and positive in all, and the type of their logarithms."""
        found: dict[int, tuple[Value, Type]] = {}
        for k, r in enumerate(old.results):
            if r not in self.in_logarithms or r in self.written:
                continue
            maker = self.maker({}, b.inner())
            parts = [maker.parts(region.yields[k]) for region in regions_of(old)]
            is_known = all(p.is_positive and not p.is_signed for p in parts)
            if not is_known or not any(p.exponents for p in parts):
                continue
            types = [maker.logarithm(p).type for p in parts]
            if all(map(_is_number, types)) and _is_number(r.type):
                found[k] = r, Scalar("float64", all(t.weak for t in types))  # type: ignore[union-attr]
            elif all(same_kind(t, r.type) for t in types):
                found[k] = r, r.type
        return found

    def maker(self, env: Env, b: Builder) -> Logarithms:
        return Logarithms(self.made, lambda a: lookup(env, a), b)

    def of_logs(
        self, old: Region, chosen: dict[int, tuple[Value, Type]], env: Env, b: Builder
    ) -> Region:
        inner = b.inner()
        for s in old.body:
            self.statement(s, env, inner)
        inner.origin = "compiler"
        yields = [lookup(env, y) for y in old.yields]
        for k, (_, type_) in chosen.items():
            maker = self.maker(env, inner)
            yields[k] = as_number(maker.logarithm(maker.parts(old.yields[k])), type_, inner)
        return inner.region(old.params, yields)


def _is_number(type_: Type) -> bool:
    return isinstance(type_, Scalar) and type_.dtype == "float64"
