"""Worker/wrapper transformation of helpers whose results end in logarithms (Gill and Hutton, JFP 2009).

    def pdf(x, m):                                   def log_pdf(x, m):
        return np.exp(-0.5 * (x - m) ** 2)               return -0.5 * (x - m) ** 2
                                           ->
    for x in X:                                      for x in X:
        like *= pdf(x, m)                                like *= np.exp(log_pdf(x, m))
    return np.log(like)                              return np.log(like)

The worker returns the logarithms of results that are at least 0; its calls of itself are those of the worker, too. It
is taken where stability rewriting finds these logarithms without taking them of the results. Of a result of either sign
it returns the exponent and the factor. The wrapper, an exponential, stands in the caller, whose own logarithms are
rewritten then. Helpers of few lines are inlined instead. `stability.stabilise` keeps the change only if more logarithms
are rewritten with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from srcdiff.ir.build import Builder, Env, Rewriter, ops_of, shapes_for
from srcdiff.ir.core import (
    Call,
    Function,
    If,
    Node,
    Op,
    OpDecl,
    Region,
    Statement,
    walk,
)
from srcdiff.ir.recursion import callees_first, is_itself, is_recursive, tied
from srcdiff.ir.types import Scalar, Type, shape_of
from srcdiff.ir.values import Atom, Value
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.elementwise import arithmetic, elementary
from srcdiff.ops.linalg import products
from srcdiff.transforms.analysis.defuse import definitions, pure_definitions, written_values
from srcdiff.transforms.analysis.reachability import flows, spread
from srcdiff.transforms.analysis.signs import AT_LEAST_ZERO, signs_of_results
from srcdiff.transforms.logspace.factored_form import as_number, is_real, with_name
from srcdiff.transforms.logspace.logarithm import LOGARITHMS, Logarithms
from srcdiff.transforms.simplify.calls.inline import inline_chosen, is_few_lines

_THROUGH = (
    arithmetic.divide, arithmetic.power, arithmetic.maximum, arithmetic.minimum, elementary.square,
    elementary.sqrt, products.norm,
)  # fmt: skip
# statements of helpers that are inlined, since they read better so; others have workers
_SHORT = 12
# operations that write their second operand into the first
_FILLS = (containers.append, memory.store, memory.add_into)

Stabilised = Callable[[Function], Function]
Workers = dict[tuple[Function, tuple[int, ...]], "_Worker | None"]


def split_helpers(
    fn: Function, stabilised: Stabilised, workers: Workers, observers: Collection[str] = LOGARITHMS
) -> Function:
    """`fn` with calls of workers in the place of those helpers whose results reach such operations.

    workers : those that were made, by helper and results; helpers of helpers are met many times.
    """
    if not any(s.decl.name in observers for s in ops_of(fn)):
        return fn
    fn = inline_chosen(fn, _few_lines)
    return _Split(fn, stabilised, workers, observers)(fn)


def _few_lines(fn: Function) -> set[Call]:
    """The calls of helpers of few lines whose results reach logarithms: inlined, they read better."""
    reaching = observed_values(fn)
    calls = [s for s in walk(fn.body) if isinstance(s, Call)]
    return {
        c
        for c in calls
        if not reaching.isdisjoint(c.results)
        and is_few_lines(c.function, Call, If, most=_SHORT)
        and _has_exponentials(c.function)
    }


def _has_exponentials(fn: Function) -> bool:
    return any(op.decl.sign == "positive" for f in callees_first(fn) for op in ops_of(f))


@dataclass(frozen=True)
class _Worker:
    """A function that returns the logarithms of the results `logs`, and factors in the place of the results `scaled`,
    whose exponents follow its other results.
    """

    function: Function
    logs: tuple[int, ...]
    scaled: tuple[int, ...] = ()

    def wrap(self, call: Call, env: Env, b: Builder) -> None:
        """Append a call of the worker, and what it stands for."""
        results = list(call.results)
        for k in self.logs:
            results[k] = _new(call.results[k].type, f"log_{results[k].name or 'value'}")
        yields, first = self.function.body.yields, len(results)
        for k, y in zip(self.scaled, yields[first:], strict=True):
            whole = call.results[k].type
            results[k] = _new(whole if shape_of(yields[k].type) else yields[k].type, "factor")
            results.append(_new(whole if shape_of(y.type) else y.type, "exponent"))
        b.append(replace(call, function=self.function, results=tuple(results)))
        b.location, b.origin = call.location, call.origin
        for k in self.logs:
            self.enter(call.results[k], b.op(elementary.exp, results[k]), env, b)
        for k, exponent in zip(self.scaled, results[first:], strict=True):
            grown = b.op(elementary.exp, exponent)
            self.enter(call.results[k], b.op(arithmetic.multiply, results[k], grown), env, b)

    def enter(self, old: Value, new: Value, env: Env, b: Builder) -> None:
        env[old] = as_number(with_name(new, old.name, b), old.type, b)


class _Split(Rewriter):
    def __init__(
        self, fn: Function, stabilised: Stabilised, workers: Workers, observers: Collection[str]
    ) -> None:
        self.reaching = observed_values(fn, observers)
        self.written = written_values(fn)
        self.stabilised, self.workers = stabilised, workers

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        worker = self.worker(old) if isinstance(old, Call) else None
        new = self.keep(old, env, b)
        if worker is not None and isinstance(new, Call):
            worker.wrap(new, env, b)
        else:
            b.append(new)

    def worker(self, call: Call) -> _Worker | None:
        positions = tuple(
            k
            for k, r in enumerate(call.results)
            if r in self.reaching and r not in self.written and is_real(r.type)
        )
        if not positions or is_itself(call.function):
            return None
        key = (call.function, positions)
        if key not in self.workers:
            self.workers[key] = self.made(*key) if _has_exponentials(call.function) else None
        return self.workers[key]

    def made(self, helper: Function, positions: Sequence[int]) -> _Worker | None:
        """The worker for some results; None where it would take the logarithms of these."""
        signs = signs_of_results(helper)
        logs = tuple(k for k in positions if signs[k] in AT_LEAST_ZERO)
        scaled = tuple(k for k in positions if k not in logs)
        plain = _TakeLogarithms(helper, positions)(helper)
        if scaled:
            if is_recursive(helper):
                return None
            parts = _TakeParts(split_helpers(plain, self.stabilised, self.workers), scaled)
            plain = parts.made()
            if not parts.found:
                return None
        new = self.stabilised(plain)
        made = definitions(new)
        ends = [made.get(new.body.yields[k]) for k in logs]
        if any(s is not None and s.decl.name in LOGARITHMS for s in ends):
            return None
        return _Worker(new, logs, scaled)


class _TakeLogarithms(Rewriter):
    """A helper that yields the logarithms of some results; so do its calls of itself."""

    def __init__(self, helper: Function, positions: Sequence[int]) -> None:
        self.positions = tuple(positions)
        self.written, self.made = written_values(helper), definitions(helper)

    def __call__(self, fn: Function) -> Function:
        b, env = Builder(shapes_for(fn)), Env()
        body = self.region(fn.body, env, b)
        yields = list(body.yields)
        for k in self.positions:
            x = yields[k]
            last = self.made.get(x)
            b.location, b.origin = fn.location if last is None else last.location, "user"
            x = b.op(memory.read, x) if x in self.written else x
            yields[k] = b.op(elementary.log, x)
        name = fn.name if fn.name.startswith("log_") else f"log_{fn.name}"
        body = Region(fn.params, tuple(b.body), tuple(yields))
        return tied(replace(fn, name=name, body=body))

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        new = self.keep(old, env, b)
        if isinstance(new, Call) and is_itself(new.function):
            _Worker(new.function, self.positions).wrap(new, env, b)
        else:
            b.append(new)


class _TakeParts:
    """Makes a function that yields logarithms of some results yield their factors, and the exponents at the end.

    found : whether all these results have exponents.
    """

    def __init__(self, fn: Function, positions: Sequence[int]) -> None:
        self.fn, self.positions = fn, positions
        self.seen = pure_definitions(fn, written_values(fn))
        self.found = True

    def made(self) -> Function:
        b = Builder(shapes_for(self.fn))
        logs = [self.seen[self.fn.body.yields[k]] for k in self.positions]
        b.body += [s for s in self.fn.body.body if s not in logs]
        b.location, b.origin = self.fn.location, "user"
        maker = Logarithms(self.seen, lambda a: a, b)
        yields, exponents = list(self.fn.body.yields), list[Atom]()
        for k, log in zip(self.positions, logs, strict=True):
            x = log.operands[0]
            parts = maker.parts(x)
            exponents.append(maker.exponent(parts))
            yields[k] = maker.factor(parts)
            shapes = {shape_of(a.type) for a in (yields[k], exponents[-1])}
            is_whole = shape_of(x.type) in shapes and shapes <= {(), shape_of(x.type)}
            self.found &= bool(parts.exponents) and not parts.is_signed and is_whole
        count = len(yields)
        trees = self.fn.output, *range(count, count + len(exponents))
        name = f"{self.fn.name.removeprefix('log_')}_parts"
        return replace(
            self.fn,
            name=name,
            body=Region(self.fn.params, tuple(b.body), (*yields, *exponents)),
            output=Node("tuple", tuple(range(len(trees))), trees),
        )


def _new(type_: Type, name: str) -> Value:
    """A new value: NumPy's number where the type is that of Python's."""
    return Value(replace(type_, weak=False) if isinstance(type_, Scalar) else type_, name)


def _is_through(decl: OpDecl) -> bool:
    """Whether an operation scales, adds, moves or reduces what it takes."""
    is_scaled = decl.linear or decl.multilinear or decl.place is not None
    return is_scaled or decl.fold is not None or decl in _THROUGH


def observed_values(fn: Function, observers: Collection[str] = LOGARITHMS) -> set[Atom]:
    """The operands of such operations, and the values that reach them through sums, products, loops and branches."""
    made_of: dict[Atom, list[Atom]] = defaultdict(list)
    pending: list[Atom] = []
    for s in walk(fn.body):
        if isinstance(s, Op):
            if s.decl.name in observers:
                pending += s.operands
            if s.decl in _FILLS:
                made_of[s.operands[0]].append(s.operands[1])
            elif _is_through(s.decl):
                for r in s.results:
                    made_of[r] += s.operands
        else:
            for value, sources in flows(s, ()):
                made_of[value] += sources
    return spread(pending, made_of)
