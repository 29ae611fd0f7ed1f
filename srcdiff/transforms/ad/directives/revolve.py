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

    def turns_to_advance(turns, slots):
        repeats, before, reach = 1, 1, slots + 1
        while reach < turns:
            repeats += 1
            before = reach
            reach = reach * (slots + repeats) // repeats
        return min(before, turns - before * slots // max(slots + repeats - 1, 1))

    `reach` is binomial(slots + repeats, slots): the number of iterations that can be reversed with so many slots if no
    iteration runs more than `repeats` times.
    """
    turns, slots = Value(_NUMBER, "turns", True), Value(_NUMBER, "slots", True)
    b = Builder()
    names = ("repeats", "before", "reach")
    starts = (const(1), const(1), b.op(arithmetic.add, slots, const(1)))
    params = tuple(Value(_NUMBER, name, True) for name in names)
    tested = tuple(Value(_NUMBER, name) for name in names)
    test = b.inner()
    condition = test.op(arithmetic.less, tested[2], turns)
    turn = b.inner()
    repeats = turn.op(arithmetic.add, params[0], const(1))
    most = turn.op(arithmetic.multiply, params[2], turn.op(arithmetic.add, slots, repeats))
    reach = turn.op(arithmetic.floor_divide, most, repeats)
    body = turn.region(params, (repeats, params[2], reach))
    results = tuple(Value(_NUMBER, name) for name in names)
    b.append(While(starts, test.region(tested, (condition,)), body, results))
    ways = b.op(arithmetic.subtract, b.op(arithmetic.add, slots, results[0]), const(1))
    ways = b.op(arithmetic.maximum, ways, const(1), spelling="max")
    before = results[1]
    right = b.op(arithmetic.floor_divide, b.op(arithmetic.multiply, before, slots), ways)
    rest = b.op(arithmetic.subtract, turns, right)
    found = b.op(arithmetic.minimum, before, rest, spelling="min")
    doc = "Turns to go before the next state is kept, so that fewest are computed again (binomial schedule)."
    return Function("turns_to_advance", b.region((turns, slots), (found,)), 0, doc)
