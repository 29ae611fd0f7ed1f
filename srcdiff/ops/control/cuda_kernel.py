"""Operations of CUDA kernels only: the position of a thread, barriers, shared memory, atomics, shuffles.

`CUDA` stands for the module `numba.cuda` while a kernel is read. Its attributes have the same meaning in the simulator
and on a device; the simulator's own `numba.cuda` has some of them only while a kernel runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import Scalar, Type
from srcdiff.ir.values import Atom, Attrs, const, known_dim
from srcdiff.ops.control.cuda_scalar import array_text, shown_type
from srcdiff.ops.core.registry import operation
from srcdiff.ops.core.scalar_spellings import choose
from srcdiff.ops.core.type_rules import nothing, same_as_first
from srcdiff.ops.elementwise import arithmetic

# ---- positions of threads ------------------------------------------------------------------------


_PLACE = "cuda."  # the prefix of the symbols of positions in the grid


def _integers(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    return tuple(Scalar("int64", True, shapes.fresh(_PLACE)) for _ in range(attrs.get("axes", 1)))


def is_place(a: Atom) -> bool:
    """Whether an integer is a position in the grid, or an extent of it: it is not negative."""
    known = known_dim(a)
    return known is not None and str(known.symbol or "").startswith(_PLACE)


# `cuda.threadIdx.x` and the other positions, by the attribute `of`
position = operation(
    "thread_position",
    template=lambda op: f"cuda.{op.attrs['of']}",
    infer=_integers,
    differentiable=False,
    cost="free",
)
grid = operation(
    "grid",
    template=lambda op: f"cuda.grid({op.attrs['axes']})",
    infer=_integers,
    differentiable=False,
)
gridsize = operation(
    "gridsize",
    template=lambda op: f"cuda.gridsize({op.attrs['axes']})",
    infer=_integers,
    differentiable=False,
)


# ---- shared memory and barriers ------------------------------------------------------------------


# shared memory of a block, not cleared
shared_array = operation(
    "shared_array",
    template=lambda op: array_text(op, "shared"),
    infer=shown_type,
    differentiable=False,
)

# a barrier as the user writes it: `kind` is the function of numba.cuda
syncthreads = operation(
    "syncthreads",
    template=lambda op: f"cuda.{op.attrs['kind']}()",
    infer=nothing,
    effect=True,
    raises=True,
    differentiable=False,
)


@cache
def barrier_of(count: int) -> OpDecl:
    """A barrier whose operands are the storage that other threads may have written before it."""
    return OpDecl(
        "barrier",
        nothing,
        template=lambda op: f"cuda.{op.attrs['kind']}()",
        writes=tuple(range(count)),
        differentiable=False,
    )


def is_barrier(statement: object) -> bool:
    return isinstance(statement, Op) and statement.decl.name == "barrier"


# `add_into` for an element to which another thread may add at the same time
def _atomic_text(op: Op) -> str:
    count = len(op.operands) - 2
    place = ", ".join(f"{{{k + 2}}}" for k in range(count))
    return f"cuda.atomic.add({{0}}, {place if count == 1 else f'({place})'}, {{1}})"


atomic_add = operation(
    "atomic_add", template=_atomic_text, infer=nothing, writes=(0,), differentiable=False
)


# the maximum over threads
atomic_max = operation(
    "atomic_max",
    template="cuda.atomic.max({0}, {2}, {1})",
    infer=nothing,
    writes=(0,),
    differentiable=False,
)


def _lane(b: Builder) -> Atom:
    return b.op(position, of="laneid")


def _from_partner(b: Builder, op: Op, d_out: Atom) -> Atom:
    """The thread that received this thread's value is the one whose value this thread received."""
    return b.op(shuffles["xor"], d_out, op.operands[1], name="taken", **op.attrs)


def _from_above(b: Builder, op: Op, d_out: Atom) -> Atom:
    """The receiver of this thread's value is so many lanes above; the lowest lanes received their own values."""
    delta = op.operands[1]
    taken = b.op(shuffles["down"], d_out, delta, name="taken", **op.attrs)
    is_taken = b.op(arithmetic.less, b.op(arithmetic.add, _lane(b), delta), const(_WARP))
    is_own = b.op(arithmetic.less, _lane(b), delta)
    return _either(b, is_taken, taken, is_own, d_out)


def _from_below(b: Builder, op: Op, d_out: Atom) -> Atom:
    """The receiver of this thread's value is so many lanes below; the highest lanes received their own values."""
    delta = op.operands[1]
    taken = b.op(shuffles["up"], d_out, delta, name="taken", **op.attrs)
    is_taken = b.op(arithmetic.less_equal, delta, _lane(b))
    is_own = b.op(arithmetic.less_equal, b.op(arithmetic.subtract, const(_WARP), delta), _lane(b))
    return _either(b, is_taken, taken, is_own, d_out)


def _either(b: Builder, is_taken: Atom, taken: Atom, is_own: Atom, own: Atom) -> Atom:
    first = b.op(choose, is_taken, taken, const(0.0), name="given")
    return b.op(arithmetic.add, first, b.op(choose, is_own, own, const(0.0), name="kept"))


def _from_all(b: Builder, op: Op, d_out: Atom) -> Atom:
    """All lanes received the value of one lane: its adjoint is the sum over the warp."""
    total = d_out
    for distance in (16, 8, 4, 2, 1):
        taken = b.op(shuffles["xor"], total, const(distance), mask=_ALL, name="taken")
        total = b.op(arithmetic.add, total, taken, name="total")
    is_source = b.op(arithmetic.equal, _lane(b), op.operands[1])
    return b.op(choose, is_source, total, const(0.0))


_WARP, _ALL = 32, 0xFFFFFFFF


def _shuffle(name: str, back: Callable[[Any, Op, Atom], Atom]) -> OpDecl:
    """A shuffle: a value of another thread of the warp. Tests cannot call it with numbers."""
    return OpDecl(
        f"shuffle_{name}" if name else "shuffle",
        same_as_first,
        template=lambda op: f"cuda.{shuffle_name(name)}({op.attrs['mask']}, {{0}}, {{1}})",
        linear=True,
        build=lambda b, op, d_outs: (back(b, op, d_outs[0]), None),
        raises=True,  # no pass moves it: all threads of a warp take part
    )


def shuffle_name(kind: str) -> str:
    return f"shfl_{kind}_sync" if kind else "shfl_sync"


# by the source lane: the lane that differs in some bits, the lane so many below or above, or one lane for all
shuffles = {
    "xor": _shuffle("xor", _from_partner),
    "up": _shuffle("up", _from_above),
    "down": _shuffle("down", _from_below),
    "": _shuffle("", _from_all),
}


# ---- numba.cuda while a kernel is read -----------------------------------------------------------


class Position:
    """An attribute that is a number: `cuda.threadIdx.x`."""

    def __init__(self, of: str) -> None:
        self.of = of


class _Axes:
    def __init__(self, name: str) -> None:
        self.x, self.y, self.z = (Position(f"{name}.{axis}") for axis in "xyz")


class Named:
    """A function of numba.cuda, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Names:
    """The functions of a part of numba.cuda: any attribute is one."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def __getattr__(self, name: str) -> Named:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self.__dict__[name] = Named(f"{self.prefix}{name}")
        return found


class _Cuda(_Names):
    def __init__(self) -> None:
        super().__init__()
        self.threadIdx, self.blockIdx = _Axes("threadIdx"), _Axes("blockIdx")
        self.blockDim, self.gridDim = _Axes("blockDim"), _Axes("gridDim")
        self.laneid, self.warpsize = Position("laneid"), Position("warpsize")
        self.atomic, self.shared = _Names("atomic."), _Names("shared.")
        self.local, self.const = _Names("local."), _Names("const.")
        self.cg, self.libdevice = _Names("cg."), _Names("libdevice.")


CUDA = _Cuda()


def in_words(value: object) -> Any:
    """The stand-in for an object of numba.cuda while a kernel is read; kernels and device functions stay."""
    if isinstance(value, ModuleType):
        return CUDA if value.__name__ == "numba.cuda" else value
    if hasattr(value, "py_func"):
        return value
    name = str(getattr(value, "__qualname__", "") or getattr(value, "_name", ""))
    name = name if name.startswith(("shared.", "local.", "atomic.")) else name.rpartition(".")[2]
    if str(getattr(value, "__module__", "")).endswith(".libdevice"):
        name = f"libdevice.{name}"
    found: Any = CUDA
    for part in name.split("."):
        if not part.isidentifier():
            return value
        found = getattr(found, part)
    return found


_SUFFIXES = {"float64": "", "float32": "f", "int64": "i", "bool": "b"}


def _of_block(name: str) -> OpDecl:
    """A function of `srcdiff.runtime.blocks` that every thread of the block calls with its own number."""

    def text(op: Op) -> str:
        type_ = op.result.type
        assert isinstance(type_, Scalar)
        return f"srcdiff.runtime.blocks.{name}{_SUFFIXES[type_.dtype]}({{0}})"

    # as for barriers, no pass moves or removes these calls
    return OpDecl(
        name, same_as_first, template=text, effect=True, raises=True, differentiable=False
    )


block_sum = _of_block("block_sum")
block_max = _of_block("block_max")
block_min = _of_block("block_min")
block_first = _of_block("block_first")  # the value of the first thread
