"""Functions that call themselves.

    def power(%x, %n) -> 0 {
      ...
      %1: float64 = call itself %x, %half

Functions are values that hold the functions they call, so one that calls itself cannot hold itself: the call names a
stand-in, a function without statements, which means the function that the call is in. A pass that changes parameters or
results brings the stand-ins up to date by `tied`. What is made of a recursive function starts from `opened`, where the
calls are calls of the whole function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from srcdiff.ir.build import map_statements
from srcdiff.ir.core import Call, Function, Op, Region, Statement, walk
from srcdiff.ir.values import Value


def stand_in(fn: Function) -> Function:
    """What calls inside of `fn` name for it."""
    yields = tuple(Value(y.type) for y in fn.body.yields)
    interface = replace(fn.interface, is_stand_in=True)
    return Function(fn.name, Region(fn.params, (), yields), fn.output, interface=interface)


def is_itself(fn: Function) -> bool:
    """Whether a function that is called is a stand-in."""
    return fn.interface.is_stand_in


def calls_of_itself(fn: Function) -> list[Call]:
    return [s for s in walk(fn.body) if isinstance(s, Call) and is_itself(s.function)]


def callees_first(fn: Function) -> list[Function]:
    """A function and those that it calls or hands to solvers, each once and before those that call it."""
    found: dict[Function, None] = {}

    def visit(f: Function) -> None:
        for s in walk(f.body):
            if isinstance(s, Call) and not is_itself(s.function) and s.function not in found:
                visit(s.function)
            elif isinstance(s, Op):
                for applied in s.attrs.get("applied", ()):
                    if applied.program not in found:
                        visit(applied.program)
        found[f] = None

    visit(fn)
    return list(found)


def is_recursive(fn: Function) -> bool:
    return bool(calls_of_itself(fn))


def opened(fn: Function) -> Function:
    """The function with calls of all of itself."""
    return rewired(fn, lambda call: replace(call, function=fn))


def tied(fn: Function) -> Function:
    """The function with stand-ins that have its parameters and results as they are now."""
    if not is_recursive(fn):
        return fn
    me = stand_in(fn)
    return rewired(fn, lambda call: replace(call, function=me))


def rewired(fn: Function, change: Callable[[Call], Statement]) -> Function:
    """The function with `change` applied to its calls of itself."""
    return map_statements(
        fn, lambda s: change(s) if isinstance(s, Call) and is_itself(s.function) else s
    )
