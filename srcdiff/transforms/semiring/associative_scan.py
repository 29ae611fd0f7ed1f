"""Associative scan: a loop with associative iterations becomes a tree, which composes neighbouring iterations in pairs.

    for y in ys:                                                  steps = np.empty((len(ys), K, K))
        scores = log_alpha[:, None] + log_A                       for t, y in enumerate(ys):
        log_alpha = logsumexp(scores, axis=0) + log_B[:, y]  ->       steps[t] = log_A + log_B[:, y]
                                                                  while len(steps) > 1:
                                                                      left, right = steps[0::2], steps[1::2]
                                                                      scores = left[:, :, :, None] + right[:, None]
                                                                      steps = logsumexp(scores, axis=2)
                                                                  scores = log_alpha[:, None] + steps[0]
                                                                  log_alpha = logsumexp(scores, axis=0)

Two iterations can be composed if each multiplies the carried vector by a matrix, in the semiring of `logsumexp` and `+`
or of `max` and `+`: matrix products are associative. `transfer_matrices` proves this for each line of the loop. A loop
without a proof stays as it is. If no loop has a proof, the program is refused.

The tree has as many levels as the number of iterations has binary digits, and does K times the work of the loop. It
pays with many threads, and with NumPy, where a level is a few calls.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import For, Function, If, Op, Statement, While
from srcdiff.ir.types import Array, Scalar, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value, const
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.shapes import concatenate
from srcdiff.transforms.analysis.reachability import shown_lengths
from srcdiff.transforms.semiring.log_semiring import log_plus
from srcdiff.transforms.semiring.transfer_matrices import SUMS, Lengths, TransferMatrix, not_shown
from srcdiff.transforms.simplify.calls.inline import inline_calls
from srcdiff.transforms.simplify.dce import dce


def scanned(fn: Function) -> Function:
    """`fn` with its associative loops as trees.

    Raises
    ------
    UnsupportedError
        If `fn` has no associative loop; the error gives the reason for the first loop.
    """
    fn = dce(log_plus(inline_calls(fn, most=100_000)))
    lengths = Lengths(shown_lengths(fn), list(fn.lengths.assumed))
    trees = _Trees(lengths)
    new = trees(fn)
    if trees.made:
        known = fn.lengths
        facts = replace(
            known,
            assumed=(*known.assumed, *lengths.needed),
            required=(*known.required, *lengths.needed),
        )
        return replace(new, lengths=facts)
    if trees.reasons:
        raise trees.reasons[0]
    raise UnsupportedError(
        f"scan: {fn.name} has no loop that carries a vector from iteration to iteration",
        "It is for loops such as `log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0)`.",
        fn.location,
    )


class _Trees(Rewriter):
    def __init__(self, lengths: Lengths) -> None:
        self.lengths = lengths
        self.made = 0
        self.reasons: list[UnsupportedError] = []

    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        b.location = old.location
        if isinstance(old, For) and old.carried:
            trial = Builder(b.shapes, b.origin, old.location)
            needed = list(self.lengths.needed)
            try:
                result = _tree(old, self.lengths, env, trial)
            except UnsupportedError as reason:
                self.reasons.append(reason)
                self.lengths.needed[:] = needed
            else:
                b.body += trial.body
                env[old.carried_results[0]] = result
                self.made += 1
                return
        super().statement(old, env, b)


def _tree(loop: For, lengths: Lengths, env: Env, b: Builder) -> Value:
    """The result of a loop: the start vector if the loop has no iterations, otherwise its product with the tree."""
    if len(loop.carried) != 1 or loop.breaks:
        found = "may be left early" if loop.breaks else f"carries {len(loop.carried)} values"
        raise not_shown(loop.location, f"the loop {found}", "Carry one vector, and run to the end.")
    vector = lookup(env, loop.carried[0])
    type_ = loop.body.params[1].type
    if not isinstance(type_, Array) or ndim_of(type_) != 1 or not type_.dtype.startswith("float"):
        raise not_shown(loop.location, "what the loop carries is not a vector of floats")
    if not lengths.are_same(*shape_of(vector.type), *shape_of(type_)):
        raise not_shown(
            loop.location,
            "the vector may have another length in each iteration",
            "Its length has to be that of what is added; where both are arguments, add them outside of the loop, too.",
        )
    if not isinstance(vector, Value) or not isinstance(loop.step, Const) or loop.step.value != 1:
        raise not_shown(loop.location, "the loop does not count up by 1")
    start, stop = lookup(env, loop.start), lookup(env, loop.stop)
    is_from_0 = isinstance(start, Const) and start.value == 0
    count = stop if is_from_0 else b.op(arithmetic.subtract, stop, start)
    condition = b.op(arithmetic.greater, count, const(0))
    then = b.inner()
    iteration = TransferMatrix(loop, lengths, env, then.inner())
    root = _root(iteration, vector, count, start, then)
    column = then.op(memory.index, vector, where=":, None")
    scores = then.op(arithmetic.add, column, root)
    after = then.op(SUMS[iteration.plus], scores, axis=0)
    result = replace(loop.carried_results[0])
    branches = then.region((), (after,)), b.inner().region((), (vector,))
    b.append(If(condition, *branches, (result,), loop.location, b.origin))
    return result


def _root(iteration: TransferMatrix, vector: Value, count: Atom, start: Atom, b: Builder) -> Value:
    """Append the loop that fills the matrices of all iterations, and their product."""
    loop, inner, index, stop = (
        iteration.loop,
        iteration.b,
        iteration.index,
        lookup(iteration.env, iteration.loop.stop),
    )
    length = b.op(memory.axis_length, vector, axis=0)
    steps = b.op(memory.empty, count, length, length, name="steps", dtype=iteration.dtype)
    matrix = iteration.matrix()
    place: Atom = index
    if loop.reverse:
        last = inner.op(arithmetic.subtract, stop, const(1))
        place = inner.op(arithmetic.subtract, last, index)
    elif not (isinstance(start, Const) and start.value == 0):
        place = inner.op(arithmetic.subtract, index, start)
    inner.ops(memory.store, steps, matrix, place, where="i")
    iterations = inner.region((index,), ())
    b.append(For(start, stop, const(1), (), iterations, (), location=loop.location))
    products = _products(b, b.op(memory.read, steps), iteration.plus)
    return b.op(memory.read, b.op(memory.index, products, const(0), where="i"))


def _products(b: Builder, steps: Value, plus: str) -> Value:
    """An array of one matrix: the product of the matrices `steps` from left to right, by pairs of neighbours."""
    assert isinstance(steps.type, Array)
    levels = (b.shapes.fresh("levels") for _ in range(3))
    types = (replace(steps.type, shape=(n, *shape_of(steps.type)[1:])) for n in levels)
    tested, given, result = (Value(type_, "steps") for type_ in types)
    test = b.inner()
    how_many = test.op(memory.axis_length, tested, axis=0)
    more = test.op(arithmetic.greater, how_many, const(1))
    level = b.inner()
    before = level.op(memory.axis_length, given, axis=0)
    half = level.op(arithmetic.floor_divide, before, const(2), name="half", user=True)
    end = level.op(arithmetic.multiply, const(2), half)
    left, right = _neighbours(level, given, half, end)
    left = level.op(memory.index, left, where=":, :, :, None")
    right = level.op(memory.index, right, where=":, None")
    scores = level.op(arithmetic.add, level.op(memory.read, left), level.op(memory.read, right))
    products = level.op(SUMS[plus], scores, axis=2, name="products", user=True)
    rest = level.op(memory.read, level.op(memory.index, given, end, where="b:"))
    after = level.op(concatenate.concatenate, products, rest, name="steps")
    b.append(While((steps,), test.region((tested,), (more,)), level.region((given,), (after,)), (result,),
                   location=b.location))  # fmt: skip
    return result


def _neighbours(b: Builder, steps: Value, half: Value, end: Value) -> tuple[Value, Value]:
    """The matrices at even and at odd places. Both get the length `half`, which the type of a slice does not show."""
    assert isinstance(steps.type, Array)
    assert isinstance(half.type, Scalar)
    assert half.type.expr is not None
    kind = replace(steps.type, shape=(half.type.expr, *shape_of(steps.type)[1:]))
    left, right = Value(kind, "left", True), Value(kind, "right", True)
    even, odd = {"where": ":e:s"}, {"where": "b:e:s"}
    b.append(Op(memory.index, (steps, end, const(2)), (left,), even, b.location, b.origin))
    b.append(
        Op(memory.index, (steps, const(1), end, const(2)), (right,), odd, b.location, b.origin)
    )
    return left, right
