"""Lowering of array subscripts to few instructions.

For each `x[i, j]` Numba copies the array's descriptor (its address, lengths and strides) into local memory and reads
the parts from there, several times: some fifty instructions, of which LLVM leaves five. They take most of the compile
time of long functions. Here they are not generated.

    $v = getitem(x, $t)         becomes    $v = call load($x, $t)
    x[$t] = v                              $n = call store(x, $t, v)
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir as llvm
from numba.core import cgutils, config, ir, types
from numba.core.compiler import StateDict
from numba.core.compiler_machinery import register_pass
from numba.core.cpu import CPUContext
from numba.core.typing.context import Context
from numba.core.typing.templates import Signature
from numba.extending import intrinsic
from numba.np import arrayobj

from srcdiff.numba_ext.passes.pass_helpers import Intrinsic, Rewriting, Values, called


@register_pass(mutates_CFG=False, analysis_only=False)
class Elements(Rewriting):
    """A pass of Numba's compiler, after type inference."""

    _name = "srcdiff_elements"

    def rewrite(self, state: Any) -> bool:
        options: Any = config
        if state.flags.boundscheck or options.BOUNDSCHECK:
            return False
        state.typingctx.refresh()
        writer = _Writer(state)
        for block in state.func_ir.blocks.values():
            block.body = [new for s in block.body for new in writer.statement(s)]
        return bool(writer.count)


class _Writer:
    """Replaces subscripts by calls."""

    def __init__(self, state: StateDict) -> None:
        self.types, self.calls, self.context = state.typemap, state.calltypes, state.typingctx
        self.count = 0

    def statement(self, s: Any) -> list[Any]:
        if isinstance(s, ir.SetItem | ir.StaticSetItem):
            index = s.index if isinstance(s, ir.SetItem) else s.index_var
            if not self.is_element(s.target, index) or not self.is_number(s.value):
                return [s]
            scope: Any = s.target.scope
            none = scope.redefine("$stored", s.loc)
            self.types[none.name] = types.none
            return self.called(store, (s.target, index, s.value), none, s.loc)
        e = s.value if isinstance(s, ir.Assign) else None
        if not isinstance(e, ir.Expr) or e.op not in ("getitem", "static_getitem"):
            return [s]
        index = e.index if e.op == "getitem" else e.index_var
        if not self.is_element(e.value, index):
            return [s]
        return self.called(load, (e.value, index), s.target, s.loc)

    def called(
        self, function: object, args: tuple[ir.Var, ...], target: ir.Var, at: ir.Loc
    ) -> list[ir.Assign]:
        self.count += 1
        statements, call = called(function, args, target, at)
        kind = self.types[call.func.name] = self.context.resolve_value_type(function)
        given = tuple(self.types[a.name] for a in args)
        self.calls[call] = kind.get_call_type(self.context, given, {})
        return statements

    def is_element(self, array: ir.Var, index: ir.Var | None) -> bool:
        """Whether the index has an integer for each axis of an array of numbers."""
        kind = self.types[array.name]
        if index is None or not isinstance(kind, types.Array) or not _is_plain(kind.dtype):
            return False
        each = _parts(self.types[index.name])
        return len(each) == kind.ndim > 0 and all(isinstance(i, types.Integer) for i in each)

    def is_number(self, v: ir.Var) -> bool:
        return _is_plain(self.types[v.name])


def _is_plain(type_: types.Type) -> bool:
    return isinstance(type_, types.Number | types.Boolean)


def _parts(index: types.Type) -> tuple[types.Type, ...]:
    """The parts of a tuple index; the index itself if it is a number."""
    return tuple(index) if isinstance(index, types.UniTuple | types.Tuple) else (index,)


@intrinsic
def load(typingctx: Context, array: types.Array, index: types.Type) -> Intrinsic:
    """`array[index]`."""

    def emit(
        context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
    ) -> Any:
        return arrayobj.load_item(
            context, builder, array, _place(context, builder, signature, values)
        )

    return array.dtype(array, index), emit


@intrinsic
def store(
    typingctx: Context, array: types.Array, index: types.Type, value: types.Type
) -> Intrinsic:
    """`array[index] = value`; Numba casts the value to the array's dtype."""

    def emit(
        context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
    ) -> Any:
        place = _place(context, builder, signature, values)
        arrayobj.store_item(context, builder, array, values[2], place)
        return context.get_dummy_value()

    return types.none(array, index, array.dtype), emit


def _place(
    context: CPUContext, builder: llvm.IRBuilder, signature: Signature, values: Values
) -> llvm.Value:
    """The address of an element, computed as Numba does."""
    kind, index = signature.args[:2]
    fields = context.data_model_manager[kind]
    each = [values[1]]
    if isinstance(index, types.UniTuple | types.Tuple):
        each = [builder.extract_value(values[1], k) for k in range(len(index))]

    def field(name: str, *axis: int) -> llvm.Value:
        return builder.extract_value(values[0], [fields.get_field_position(name), *axis])

    lengths = [field("shape", k) for k in range(kind.ndim)]
    places = [
        arrayobj.fix_integer_index(context, builder, t, i, n)
        for t, i, n in zip(_parts(index), each, lengths, strict=True)
    ]
    if kind.layout == "A":
        steps = [field("strides", k) for k in range(kind.ndim)]
        offset = _sum(builder, [builder.mul(s, i) for s, i in zip(steps, places, strict=True)])
        return cgutils.pointer_add(builder, field("data"), offset)
    order = range(kind.ndim - 1, -1, -1) if kind.layout == "C" else range(kind.ndim)
    terms, step = [], None
    for k in order:  # from the axis with contiguous elements
        terms.append(places[k] if step is None else builder.mul(places[k], step))
        step = lengths[k] if step is None else builder.mul(step, lengths[k])
    return builder.gep(field("data"), [_sum(builder, terms[::-1])])


def _sum(builder: llvm.IRBuilder, terms: list[llvm.Value]) -> llvm.Value:
    total = terms[0]
    for term in terms[1:]:
        total = builder.add(total, term)
    return total
