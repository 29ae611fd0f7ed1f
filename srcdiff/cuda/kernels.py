"""The kernel of a batch as text: it calls a device function for each item.

    @cuda.jit
    def f_batch(n, theta, x, value, d_theta, d_x, buffer, failed):
        thread = cuda.grid(1)
        for item in range(thread, n, cuda.gridsize(1)):
            value[item] = f_value_and_grad(
                theta, x[:, item], d_theta[:, thread], d_x[:, item], buffer[:, thread], failed
            )

The batch is the last axis of arrays that the host copies, and of storage, so that neighbouring threads touch
neighbouring elements. Storage belongs to threads, not to items: there are as many threads as fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from srcdiff.cuda.device_program import DeviceProgram
from srcdiff.ir.types import Array, Scalar, Struct, Type

_WIDTH = 100


@dataclass(frozen=True)
class Batch:
    """The partition of the arrays of a call into items.

    Attributes
    ----------
    axes : tuple of (int or None)
        For each leaf of the arguments: its axis of items, or None if all items share it.
    own : tuple of bool
        For each array of the result, whether each item has its own; otherwise each thread adds up one.
    """

    axes: tuple[int | None, ...]
    own: tuple[bool, ...]


def leaf_types(types: Sequence[Type]) -> list[Type]:
    """The types of the numbers, arrays and other leaves of some arguments."""
    out: list[Type] = []
    for type_ in types:
        out += leaf_types(type_.parts) if isinstance(type_, Struct) else [type_]
    return out


def classes_in(types: Sequence[Type]) -> dict[str, object]:
    """The named tuples that a kernel builds for its arguments, by name."""
    found: dict[str, Any] = {}
    for type_ in types:
        if isinstance(type_, Struct):
            found |= classes_in(type_.parts)
            if type_.kind == "namedtuple" and type_.cls is not None:
                found[type_.cls.__name__] = type_.cls
    return found


def kernel_text(program: DeviceProgram, batch: Batch, is_block: bool = False) -> tuple[str, str]:
    """The text of the module with the device function and its kernel, and the kernel's name; `is_block`: the threads of
    a block take an item together.
    """
    names = _Names(program)
    numbers = [k for k, t in enumerate(program.results) if isinstance(t, Scalar)]
    inputs = [names.new(n) for n in _leaf_names(program)]
    outside = [names.new(f"outside_{k}") for k in range(len(program.outside))]
    called = (program.called[k] for k in numbers)
    values = [names.new("value" if name == "result" else name) for name in called]
    storage = [names.new(s.name) for s in program.storage]
    own = iter(batch.own)
    worker, first = ("block", 0) if is_block else ("thread", None)
    picked = ["item" if s.role == "result" and next(own) else worker for s in program.storage]
    given = [
        f"{name}{_picked(s.type.ndim, index, first)}"
        for name, s, index in zip(storage, program.storage, picked, strict=True)
    ]
    leaves = iter(zip(inputs, batch.axes, leaf_types(program.types), strict=True))
    arguments = [*(_argument(t, leaves) for t in program.types), *outside, *given, names.failed]
    listed = ", ".join([names.n, *inputs, *outside, *values, *storage, names.failed])
    called_with = f"{program.name}({', '.join(arguments)})"
    name = names.new(f"{program.name}_batch")
    header = ["", "", "@cuda.jit", *_wrapped(f"def {name}({listed}):", 0)]
    body = (_of_block if is_block else _of_thread)(program, names, values, called_with)
    return "\n".join([program.source.rstrip("\n"), *header, *body]) + "\n", name


def _of_thread(
    program: DeviceProgram, names: _Names, values: Sequence[str], called: str
) -> list[str]:
    """The kernel's lines if a thread takes an item."""
    targets = ", ".join(f"{v}[item]" for v in values)
    return [
        f'    """`{program.name}` of each of n items; a thread takes every `cuda.gridsize(1)`-th."""',
        "    thread = cuda.grid(1)",
        f"    for item in range(thread, {names.n}, cuda.gridsize(1)):",
        *_wrapped(f"{targets} = {called}" if targets else called, 8),
    ]


def _of_block(
    program: DeviceProgram, names: _Names, values: Sequence[str], called: str
) -> list[str]:
    """The kernel's lines if a block takes an item: all its threads compute the same numbers."""
    found = [names.new(f"{v}_of_item") for v in values]
    call = f"{', '.join(found)} = {called}" if found else called
    kept = [f"            {v}[item] = {f}" for v, f in zip(values, found, strict=True)]
    return [
        f'    """`{program.name}` of each of n items; a block takes every `cuda.gridDim.x`-th."""',
        "    block = cuda.blockIdx.x",
        f"    for item in range(block, {names.n}, cuda.gridDim.x):",
        *_wrapped(call, 8),
        *(["        if cuda.threadIdx.x == 0:", *kept] if kept else []),
        "        cuda.syncthreads()  # what they share is for the next item",
    ]


class _Names:
    """A source of unused names."""

    def __init__(self, program: DeviceProgram) -> None:
        self.taken = {
            "cuda",
            "np",
            "math",
            "thread",
            "block",
            "item",
            "range",
            program.name,
            *program.bindings,
        }
        self.failed = self.new("failed")
        self.n = self.new("n")

    def new(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name


def _leaf_names(program: DeviceProgram) -> list[str]:
    def named(name: str, type_: Type) -> Iterator[str]:
        if not isinstance(type_, Struct):
            yield name
            return
        for key, part in zip(type_.keys, type_.parts, strict=True):
            yield from named(f"{name}_{key}", part)

    pairs = zip(program.names, program.types, strict=True)
    return [text if text.isidentifier() else "part" for n, t in pairs for text in named(n, t)]


def _argument(type_: Type, leaves: Iterator[tuple[str, int | None, Type]]) -> str:
    """An argument of the device function, as an expression in the kernel's parameters."""
    if isinstance(type_, Struct):
        parts = [_argument(t, leaves) for t in type_.parts]
        if type_.kind == "namedtuple" and type_.cls is not None:
            return f"{type_.cls.__name__}({', '.join(parts)})"
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    name, axis, _ = next(leaves)
    if axis is None:
        return name
    return f"{name}{_picked(type_.ndim if isinstance(type_, Array) else 0, 'item', axis)}"


def _picked(ndim: int, index: str, axis: int | None = None) -> str:
    """The subscript that takes one item; `axis` counts among all axes, the items' axis included; None: the items' axis
    is the last.
    """
    parts = [":"] * ndim
    parts.insert(ndim if axis is None else axis, index)
    return f"[{', '.join(parts)}]"


def _wrapped(text: str, indent: int) -> list[str]:
    """A call or definition, broken into lines of limited length."""
    if indent + len(text) <= _WIDTH:
        return [" " * indent + text]
    start = text.index("(") + 1
    end = text.rindex(")")
    lines, line = [" " * indent + text[:start]], ""
    for part in _parts(text[start:end]):
        if line and indent + 4 + len(line) + 2 + len(part) > _WIDTH - 1:
            lines.append(" " * (indent + 4) + line + ",")
            line = ""
        line = f"{line}, {part}" if line else part
    comma = "," if len(lines) > 1 else ""
    return [*lines, " " * (indent + 4) + line + comma, " " * indent + text[end:]]


def _parts(text: str) -> Iterator[str]:
    """The parts between the outermost commas."""
    depth, start = 0, 0
    for k, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "," and not depth:
            yield text[start:k].strip()
            start = k + 1
    yield text[start:].strip()
