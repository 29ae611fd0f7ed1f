"""The binomial checkpointing schedule (Griewank and Walther, Algorithm 799, "revolve"), for use in generated files."""

from __future__ import annotations

from functools import cache

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Function, While
from srcdiff.ir.types import Scalar
from srcdiff.ir.values import Value, const
from srcdiff.ops.elementwise import arithmetic

_NUMBER = Scalar("int64", True)


@cache
def schedule() -> Function:
    """The function that computes how many iterations to advance before the next state is kept.

    def iterations_to_advance(iterations, slots):
        repeats, before, reach = 1, 1, slots + 1
        while reach < iterations:
            repeats += 1
            before = reach
            reach = reach * (slots + repeats) // repeats
        return min(before, iterations - before * slots // max(slots + repeats - 1, 1))

    `reach` is binomial(slots + repeats, slots): the number of iterations that can be reversed with so many slots if no
    iteration runs more than `repeats` times.
    """
    iterations, slots = Value(_NUMBER, "iterations", True), Value(_NUMBER, "slots", True)
    b = Builder()
    names = ("repeats", "before", "reach")
    starts = (const(1), const(1), b.op(arithmetic.add, slots, const(1)))
    params = tuple(Value(_NUMBER, name, True) for name in names)
    tested = tuple(Value(_NUMBER, name) for name in names)
    test = b.inner()
    condition = test.op(arithmetic.less, tested[2], iterations)
    step = b.inner()
    repeats = step.op(arithmetic.add, params[0], const(1))
    most = step.op(arithmetic.multiply, params[2], step.op(arithmetic.add, slots, repeats))
    reach = step.op(arithmetic.floor_divide, most, repeats)
    body = step.region(params, (repeats, params[2], reach))
    results = tuple(Value(_NUMBER, name) for name in names)
    b.append(While(starts, test.region(tested, (condition,)), body, results))
    ways = b.op(arithmetic.subtract, b.op(arithmetic.add, slots, results[0]), const(1))
    ways = b.op(arithmetic.maximum, ways, const(1), spelling="max")
    before = results[1]
    right = b.op(arithmetic.floor_divide, b.op(arithmetic.multiply, before, slots), ways)
    rest = b.op(arithmetic.subtract, iterations, right)
    found = b.op(arithmetic.minimum, before, rest, spelling="min")
    doc = "Iterations to go before the next state is kept, so that fewest are computed again (binomial schedule)."
    return Function("iterations_to_advance", b.region((iterations, slots), (found,)), 0, doc)
