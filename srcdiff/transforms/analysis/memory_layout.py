"""Memory layout: which arrays are contiguous in C order, so that `reshape` and `ravel` return views.

    %a: float64[n, m] = copy %x                 contiguous
    %b: float64[m] = index[where='i'] %a, 0     contiguous: a row
    %c: float64[n] = index[where=':, i'] %a, 0  surely not, if n and m are not 1
    %d: float64[m, n] = transpose %a            surely not; nor is `%d * 2.0`, which has the layout of its operand
    %e: float64[k] = index[where='b:e:s'] ...   not known

Arguments are contiguous, since calls make them so. The results hold for the user's function in NumPy, and for the
generated program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from srcdiff.ir.core import Call, For, Function, If, Op, Region, Statement, While, regions_of
from srcdiff.ir.recursion import is_itself
from srcdiff.ir.types import Array, Dim, Struct, dims_of, ndim_of, shape_of
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.arrays import containers, creation, memory
from srcdiff.ops.core.index_patterns import has_arrays, items, operands_in
from srcdiff.ops.shapes import permutations, reshapes

# new arrays in C order, for operands in any order
_NEW = {
    "flatten", "dot", "inner", "outer", "solve", "inv", "cholesky", "zeros", "ones", "empty", "full",
    "arange", "linspace", "eye", "ascontiguousarray", "real_parts", "imaginary_parts",
}  # fmt: skip
# new arrays in LAPACK's order, or in an order that is not known
_ANY = {
    "einsum", "solve_triangular", "expand", "restore", "list_pop", "eigh", "real_eig", "svd_factors", "qr_factors",
    "pinv", "least_squares", "cho_solve", "potrf", "definite_solve", "lu_factor", "getrf", "shared_solve",
    "lu_solve", "symmetric_eigh", "solve_sylvester", "solve_continuous_lyapunov", "solve_discrete_lyapunov", "expm",
    "expm_along", "real_sqrtm", "real_logm", "solve_banded", "levinson", "convolved", "correlated", "filtered",
}  # fmt: skip
_PARTS = {"lambertw"}  # new arrays with gaps: the real parts of complex numbers
_BY_TYPE = {"zeros_of", "empty_of", "zeros_like", "empty_like", "ones_like", "full_like"}
_SAME = {
    "expand_dims", "squeeze", "atleast_1d", "asarray", "sum_if_one", "stop_gradient", "float64",
}  # fmt: skip
_FLIPS = {"flip", "flipud", "fliplr"}
_ORDERS = {"transpose", "swapaxes", "moveaxis"}


@dataclass(frozen=True)
class Layout:
    """The layout of an array in memory; None if it is not known.

    Attributes
    ----------
    contiguous : bool or None
        Whether it is contiguous in C order.
    ordered : bool or None
        Whether its axes are in C order, perhaps with gaps. A new array that NumPy lays out like it is contiguous then.
    """

    contiguous: bool | None
    ordered: bool | None

    def __and__(self, other: Layout) -> Layout:
        """The facts that hold for both layouts."""
        return Layout(
            self.contiguous if self.contiguous is other.contiguous else None,
            self.ordered if self.ordered is other.ordered else None,
        )


CONTIGUOUS = Layout(True, True)
_MOVED = Layout(False, False)
_OPEN = Layout(None, None)

Layouts = Mapping[Value, Layout]


def all_layouts(fn: Function, of_any_layout: frozenset[Value] = frozenset()) -> Layouts:
    """The layouts of the arrays of `fn` and of its callees. The parameters `of_any_layout` may have any."""
    params = {p: _OPEN if p in of_any_layout else CONTIGUOUS for p in fn.params}
    found = _Finder(fn, params)
    found.run()
    return found.layouts


class _Finder:
    """The layouts in one function, and in the functions that it calls."""

    def __init__(self, fn: Function, params: Mapping[Value, Layout]) -> None:
        self.fn = fn
        self.layouts: dict[Value, Layout] = dict(params)
        self.rigid = {s for p in fn.params for d in dims_of(p.type) for s in d.symbols()}
        self.from_outside = {p for p, found in params.items() if found == CONTIGUOUS}
        self.odd_types: set[Array] = set()  # types of arrays that may be in another order
        self.changed = True

    def run(self) -> None:
        while self.changed:
            self.changed = False
            self.region(self.fn.body)

    def of(self, atom: Atom) -> Layout:
        if isinstance(atom, Const) or not isinstance(atom.type, Array):
            return CONTIGUOUS
        return self.layouts.get(atom, _OPEN)

    def found(self, value: Value, layout: Layout) -> None:
        if not isinstance(value.type, Array):
            return
        if value.type.ndim <= 1:
            layout = Layout(layout.contiguous, True)
        before = self.layouts.get(value)
        after = layout if before is None else before & layout
        if after != before:
            self.layouts[value] = after
            self.changed = True
        if not after.ordered and value.type not in self.odd_types:
            self.odd_types.add(value.type)
            self.changed = True

    def region(self, region: Region) -> None:
        for statement in region.body:
            if isinstance(statement, For | While):
                self.flow(statement)
            for inner in regions_of(statement):
                self.region(inner)
            self.statement(statement)

    def flow(self, loop: For | While) -> None:
        """Enter loop-carried arrays: the layouts of initial values, and of yielded values as far as they are known."""
        params = (
            [loop.body.params[1:]]
            if isinstance(loop, For)
            else [r.params for r in regions_of(loop)]
        )
        results = loop.carried_results if isinstance(loop, For) else loop.results
        for targets in (*params, results):
            for target, first, later in zip(
                targets, loop.carried, loop.carried_yields, strict=True
            ):
                self.found(target, self.of(first))
                if not isinstance(later, Value) or later in self.layouts:
                    self.found(target, self.of(later))

    def statement(self, statement: Statement) -> None:
        match statement:
            case Op():
                for position, result in enumerate(statement.results):
                    if isinstance(result.type, Array):
                        self.found(result, self.made(statement, position))
                    elif isinstance(result.type, Struct) and statement.decl is containers.get:
                        self.taken(statement)
                if statement.decl is containers.unpack:
                    self.taken(statement)
            case If():
                yields = zip(
                    statement.then.yields, statement.orelse.yields, statement.results, strict=True
                )
                for then, orelse, result in yields:
                    self.found(result, self.of(then) & self.of(orelse))
            case For() | While():
                self.flow(statement)
            case Call():
                self.call(statement)

    def taken(self, op: Op) -> None:
        """Note that parts of arguments are from outside, too."""
        if op.operands[0] in self.from_outside:
            self.from_outside.update(op.results)

    def call(self, call: Call) -> None:
        if is_itself(call.function):
            for result in call.results:
                self.found(result, _OPEN)
            return
        params = {p: self.of(a) for p, a in zip(call.function.params, call.operands, strict=True)}
        known = {p: found & self.layouts.get(p, found) for p, found in params.items()}
        inner = _Finder(call.function, known)
        inner.run()
        for value, layout in inner.layouts.items():
            self.found(value, layout)
        for y, result in zip(call.function.body.yields, call.results, strict=True):
            self.found(result, inner.of(y))

    # ---- operations ----

    def made(self, op: Op, position: int) -> Layout:
        name, base = op.decl.name, op.operands[0] if op.operands else None
        if base is not None and op.view_of == 0:
            if isinstance(base.type, Array):
                return self.view(op, base)
            if not isinstance(base.type, Struct) or base not in self.from_outside:
                return CONTIGUOUS if not isinstance(base, Value) else _OPEN
            return CONTIGUOUS
        if op.decl is memory.copy:
            # `y.copy()` is in C order; the user's `np.copy(y)` has the order of `y`
            is_method = op.origin != "user" or op.spelling
            return CONTIGUOUS if is_method or self.like(op) == CONTIGUOUS else _OPEN
        if op.decl is memory.read:  # a read may be printed as the array itself
            found = self.of(op.operands[0])
            return Layout(found.contiguous or None, found.ordered)
        if name == "matmul":  # a stack has the layout of its operands
            return self.like(op) if ndim_of(op.result.type) > 2 else CONTIGUOUS
        if name in _NEW or (op.decl is creation.array_of and op.attrs.get("layout") != ()):
            return CONTIGUOUS
        if name in _BY_TYPE and (op.origin != "user" or not op.operands):
            # codegen may take the shape, and the layout, from any array of the type
            return _OPEN if op.result.type in self.odd_types else CONTIGUOUS
        if op.decl is memory.gather:
            return self.gathered(op)
        if name in _ANY:
            return _OPEN
        if name in _PARTS:
            return Layout(None, self.like(op).ordered)
        return self.like(op)

    def like(self, op: Op) -> Layout:
        """The layout of a new array that NumPy lays out like the operands."""
        result = op.results[0]
        if ndim_of(result.type) <= 1:
            return CONTIGUOUS
        arrays = [a for a in op.operands if isinstance(a.type, Array) and a.type.ndim > 1]
        orders = {self.of(a).ordered for a in arrays}
        if orders <= {True}:
            return CONTIGUOUS
        keeps_order = (
            op.decl.elementwise or op.decl is creation.array_of or op.decl.name in _BY_TYPE
        )
        if keeps_order and orders == {False} and len({*arrays}) == 1:
            return _MOVED if ndim_of(arrays[0].type) == ndim_of(result.type) else _OPEN
        return _OPEN

    def view(self, op: Op, base: Atom) -> Layout:
        before, name = self.of(base), op.decl.name
        if op.decl is memory.index:
            return self.indexed(op, before)
        if op.decl is reshapes.ravel:
            return CONTIGUOUS
        if op.decl is reshapes.reshape:
            if makes_view(op, before) is False:
                return CONTIGUOUS
            return Layout(before.contiguous or None, before.ordered or None)
        if op.decl is containers.unpack:  # rows
            return Layout(before.contiguous or None, before.ordered or None)
        if op.decl is creation.ascontiguousarray:
            return CONTIGUOUS
        if name in _SAME:
            return before
        if name in _FLIPS:
            axis = {"flipud": 0, "fliplr": 1}.get(name, op.attrs.get("axis"))
            sure = isinstance(axis, int) and self.not_one(shape_of(base.type)[axis])
            return Layout(False if sure else None, before.ordered)
        if name in _ORDERS:
            return self.reordered(op, before, base)
        return _OPEN

    def reordered(self, op: Op, before: Layout, base: Atom) -> Layout:
        shape = shape_of(base.type)
        if op.decl is permutations.transpose:
            order = list(permutations.permutation(len(shape), op.attrs.get("axes")))
        elif op.decl is permutations.swapaxes:
            order = list(range(len(shape)))
            i, k = op.attrs["axis1"], op.attrs["axis2"]
            order[i], order[k] = order[k], order[i]
        else:
            order = permutations.moved_axes(len(shape), op.attrs["source"], op.attrs["destination"])
        long = [k for k in order if shape[k] != Dim(1)]
        if long == sorted(long):
            return before
        if not before.ordered:
            return _OPEN
        sure = [k for k in long if self.not_one(shape[k])]
        return _MOVED if sure != sorted(sure) else _OPEN

    def gathered(self, op: Op) -> Layout:
        """The layout of a gather. If the index arrays come first, rows are copied one after the other; otherwise NumPy
        puts the axes of the index arrays first in memory.
        """
        pattern = items(op.attrs["where"])
        first = next(
            (k for k, item in enumerate(pattern) if item != "i" and not has_arrays([item])),
            len(pattern),
        )
        in_front = not has_arrays(pattern[first:])
        return CONTIGUOUS if in_front and self.of(op.operands[0]).ordered else _OPEN

    def indexed(self, op: Op, before: Layout) -> Layout:
        ordered = before.ordered or None
        if not before.contiguous:
            return Layout(None, ordered)
        shape, pattern = list(shape_of(op.operands[0].type)), items(op.attrs["where"])
        used = sum(item not in ("None", "...") for item in pattern)
        if "..." not in pattern:
            pattern = [*pattern, "..."]
        left, rest = list(shape_of(op.results[0].type)), list(op.operands[1:])
        behind: bool | None = False  # whether an earlier axis is longer than 1
        broken: bool | None = False
        for item in pattern:
            if item == "None":
                left.pop(0)
                continue
            for _ in range(len(shape) - used if item == "..." else 1):
                old = shape.pop(0)
                new = Dim(1) if item == "i" else left.pop(0)
                is_slice = item not in ("i", ":", "...")
                given = [rest.pop(0) for _ in range(operands_in(item))]
                partial = self.leaves_out(old, new)
                broken = _or(broken, _and(behind, partial))
                if is_slice and item.count(":") == 2 and not item.endswith(":"):
                    broken = _or(broken, _steps(given[-1], self.long(new)))
                behind = _or(behind, self.long(new))
            if item != "...":
                used -= 1
        return Layout(None if broken is None else not broken, ordered)

    def leaves_out(self, old: Dim, new: Dim) -> bool | None:
        """Whether a subscript selects only a part of an axis."""
        if new == old:
            return False
        if old.is_const and new.is_const:
            return True
        return self.long(old) if new == Dim(1) else None

    def not_one(self, dim: Dim) -> bool:
        return self.long(dim) is True

    def long(self, dim: Dim) -> bool | None:
        if dim.is_const:
            return dim != Dim(1)
        return True if dim.symbol in self.rigid else None


def _steps(step: Atom, is_long: bool | None) -> bool | None:
    """Whether a slice has gaps, or runs backwards."""
    if not isinstance(step, Const):
        return None if is_long is not False else False
    return False if step.value == 1 else is_long


def _and(a: bool | None, b: bool | None) -> bool | None:
    return False if a is False or b is False else None if a is None or b is None else True


def _or(a: bool | None, b: bool | None) -> bool | None:
    return True if a is True or b is True else None if a is None or b is None else False


def makes_view(op: Op, base: Layout) -> bool | None:
    """Whether `reshape` or `ravel` of an array with the layout `base` is a view of it; None if it is not known."""
    if base.contiguous:
        return True
    if op.decl is reshapes.ravel:
        return base.contiguous
    old, new = shape_of(op.operands[0].type), shape_of(op.results[0].type)
    if _splits(old, new):
        return True
    is_flat = sum(d != Dim(1) for d in new) <= 1
    return False if is_flat and base.contiguous is False and base.ordered is False else None


def _splits(old: Sequence[Dim], new: Sequence[Dim]) -> bool:
    """Whether the new shape only splits axes of the old shape: then it is a view for any layout."""
    rest = [d for d in new if d != Dim(1)]
    long = [d for d in old if d != Dim(1)]
    for axis in long[:-1]:
        found: Dim | None = Dim(1)
        while rest and found is not None and found != axis:
            found = _times(found, rest.pop(0))
        if found != axis:
            return False
    return True  # the last axis is the product of the remaining lengths


def _times(a: Dim, b: Dim) -> Dim | None:
    return b.scaled(a.const) if a.is_const else a.scaled(b.const) if b.is_const else None
