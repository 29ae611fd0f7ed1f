"""A cost model: the operations, functions, bytes and arrays of a call of a generated function, counted on its IR.

The reference evaluator (`ir/reference/interpreter.py`) runs the program. It sees every iteration of the loops and the
branches that these arguments take; nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcdiff.compile.arguments.pytree import leaves, map_leaves
from srcdiff.compile.arguments.strides import owner
from srcdiff.inspect.arguments import called_with, own
from srcdiff.ir.core import Function, Op
from srcdiff.ir.reference.interpreter import Evaluator
from srcdiff.ir.reference.value_conformance import Scope
from srcdiff.ops.arrays import memory
from srcdiff.ops.core.costs import work_of


@dataclass(frozen=True)
class Cost:
    """The cost of a call in the readable form; printing it shows all fields.

    Attributes
    ----------
    flops : float
        Floating-point operations: sums, products, quotients, roots, extremes, one each; see `ops/core/costs.py`.
    exponentials : float
        Elementary functions: `exp`, `log`, `tanh`, and functions composed of these.
    bytes : int
        The bytes that operations read from arrays and write to them.
    temporaries : int
        Arrays that are allocated on the way and are not results.
    temporary_bytes : int
        The bytes of these arrays.
    uncounted : tuple of str
        Operations whose work is not known (`flops` does not include it).
    """

    flops: float
    exponentials: float
    bytes: int
    temporaries: int
    temporary_bytes: int
    uncounted: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            f"{self.flops:,.0f} floating-point operations",
            f"{self.exponentials:,.0f} elementary functions",
            f"{self.bytes:,} bytes read and written",
            f"{self.temporaries:,} temporary arrays of {self.temporary_bytes:,} bytes",
        ]
        if self.uncounted:
            lines.append(f"without {', '.join(self.uncounted)}")
        return "\n".join(lines)

    __repr__ = __str__


def cost(g: object, *args: object, **kwargs: object) -> Cost:
    """The cost of a call of a generated function, counted operation by operation.

    Parameters
    ----------
    g
        A generated function; `f.vjp` and `f.jvp` are called as they are.
    *args, **kwargs
        The arguments of the call.

    Examples
    --------
    >>> import numpy as np
    >>> import srcdiff
    >>> srcdiff.cost(srcdiff.grad(lambda x: np.sum(np.exp(x) * x)), np.ones(10)).exponentials
    10.0
    """
    handle, args, kwargs = called_with("cost", g, args, kwargs)
    fn, values = handle.program_for(*args, **kwargs)
    counter = _Counter(fn, _Counts())
    with np.errstate(all="ignore"):
        results = counter.call([map_leaves(own, v) for v in values])
    return counter.counts.report(results)


class _Counts:
    def __init__(self) -> None:
        self.flops = self.functions = 0.0
        self.bytes = 0
        self.made: list[np.ndarray] = []  # kept, so that no two have the same address
        self.uncounted: dict[str, None] = {}

    def report(self, results: Sequence[object]) -> Cost:
        returned = {id(storage_of(leaf)) for r in results for leaf in leaves(r)}
        temporary = [a for a in self.made if id(storage_of(a)) not in returned]
        size = sum(a.nbytes for a in temporary)
        return Cost(
            self.flops, self.functions, self.bytes, len(temporary), size, tuple(self.uncounted)
        )


class _Counter(Evaluator):
    def __init__(self, fn: Function, counts: _Counts) -> None:
        super().__init__(fn)
        self.counts = counts

    def inner(self, fn: Function) -> _Counter:
        return _Counter(fn, self.counts)

    def compute(self, op: Op, operands: list[Any], scope: Scope) -> Any:
        out = super().compute(op, operands, scope)
        results = [
            leaf for leaf in leaves(out) if isinstance(leaf, np.ndarray | np.generic | float)
        ]
        work = work_of(op, operands, results)
        if work is None:
            self.counts.uncounted[op.decl.name] = None
        else:
            self.counts.flops += work[0]
            self.counts.functions += work[1]
        self.counts.bytes += _moved(op, operands, results)
        is_new = op.view_of is None and not op.decl.writes and op.decl is not memory.read
        if is_new and op.decl.name not in ("save", "restore"):
            given = {id(storage_of(leaf)) for o in operands for leaf in leaves(o)}
            arrays = [r for r in results if isinstance(r, np.ndarray) and r.ndim]
            self.counts.made += [a for a in arrays if id(storage_of(a)) not in given]
        return out


def _moved(op: Op, operands: Sequence[object], results: Sequence[object]) -> int:
    """The bytes of arrays that an operation reads and writes."""
    if op.decl is memory.add_into:
        return 3 * _bytes(operands[1], even_numbers=True)
    if op.decl is memory.store:
        return 2 * _bytes(operands[1], even_numbers=True)
    if op.decl in (memory.index, memory.gather):
        if op.view_of is not None and isinstance(results[0], np.ndarray):
            return 0
        return 2 * _bytes(results[0], even_numbers=True)
    if op.view_of is not None or op.decl.cost == "free" or op.decl is memory.read:
        return 0
    read = [o for k, o in enumerate(operands) if k not in op.decl.shape_of]
    return sum(_bytes(leaf) for o in (*read, *results) for leaf in leaves(o))


def _bytes(value: object, even_numbers: bool = False) -> int:
    if isinstance(value, np.ndarray) and value.ndim:
        return value.nbytes
    return np.asarray(value).nbytes if even_numbers else 0


def storage_of(value: object) -> object:
    """The array that a view is a view of."""
    return owner(value) if isinstance(value, np.ndarray) else value
