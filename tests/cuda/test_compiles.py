"""Kernels compile for devices: what the simulator runs, nvvm takes too. Needs numba-cuda, and no device."""

from __future__ import annotations

import importlib.util
import linecache
import re
from typing import Any

import numpy as np
import pytest
from corpus_loader import Program, load
from numba import types

import srcdiff
from srcdiff.cuda.kernels import leaf_types
from srcdiff.device_programs import DeviceProgram, build_device
from srcdiff.errors import UnsupportedError
from srcdiff.ir.types import Array, Scalar, Struct, Type
from srcdiff.runtime.cuda import is_simulator, ptx

has_compiler = importlib.util.find_spec("numba_cuda") is not None and not is_simulator()
pytestmark = pytest.mark.skipif(
    not has_compiler, reason="numba-cuda compiles, the simulator does not"
)

CAPABILITIES = [(7, 5), (8, 0), (9, 0)]


def numba_type(type_: Type) -> Any:
    if isinstance(type_, Array):
        return types.Array(numba_type(Scalar(type_.dtype)), type_.ndim, "A")
    if isinstance(type_, Scalar):
        return types.boolean if type_.dtype == "bool" else getattr(types, type_.dtype)
    if isinstance(type_, Struct):
        parts = [numba_type(p) for p in type_.parts]
        return types.NamedTuple(parts, type_.cls) if type_.cls else types.Tuple(parts)
    return types.int64


def kernel_of(program: DeviceProgram) -> tuple[Any, list[Any]]:
    """A kernel that calls a device function, and the types of its arguments."""
    given = [numba_type(t) for t in program.types]
    given += [types.Array(types.float64, np.ndim(a), "A") for a in program.outside]
    given += [numba_type(s.type) for s in program.storage]
    given += [types.int32[::1]] if "failed" in program.source else []
    names = ", ".join(f"a{k}" for k in range(len(given)))
    text = f"{program.source}\n\ndef kernel({names}):\n    {program.name}({names})\n"
    file = f"<kernel {program.name} {id(program)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = dict(program.bindings)
    exec(compile(text, file, "exec"), namespace)
    return namespace["kernel"], given


def program_of(program: Program, dtype: Any = None, block: Any = None) -> DeviceProgram:
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt, on_independent="ignore")
    args = program.arguments(0)
    if dtype is not None:
        floats = (isinstance(a, np.ndarray) and a.dtype == np.float64 for a in args)
        args = tuple(a.astype(dtype) if f else a for a, f in zip(args, floats, strict=True))
    try:
        arguments = g.signature.bind(args, {}, frozenset())
        return build_device(g.derived, arguments, raises=block is None, block=block)
    except UnsupportedError as reason:
        pytest.skip(reason.message)


@pytest.mark.slow
@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_kernels_of_the_corpus(program: Program) -> None:
    kernel, given = kernel_of(program_of(program))
    for capability in CAPABILITIES:
        assert f".target sm_{capability[0]}{capability[1]}" in ptx(kernel, given, capability)


@pytest.mark.slow
@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_kernels_of_float32_compute_nothing_in_double_precision(program: Program) -> None:
    device = program_of(program, np.float32)
    floats = {t.dtype for t in leaf_types(device.types) if isinstance(t, Array)}
    is_narrow = "float32" in floats and "float64" not in floats
    if not is_narrow or re.search(r"math\.(sin|cos|tan)\(", device.source):
        pytest.skip("float64 too, or libdevice's own double precision for large angles")
    kernel, given = kernel_of(device)
    assert not re.search(r"\.f64\b", ptx(kernel, given))


@pytest.mark.slow
@pytest.mark.parametrize("block", ["atomic", "ordered"])
@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_kernels_for_blocks(program: Program, block: str) -> None:
    device = program_of(program, block=block)
    kernel, given = kernel_of(device)
    for capability in CAPABILITIES:
        text = ptx(kernel, given, capability)
        assert not device.turns or "%tid.x" in text
