"""Kernels compile for devices: what the simulator runs, nvvm takes too. Needs numba-cuda, and no device."""

from __future__ import annotations

import importlib.util
import linecache
import re
from typing import Any

import numpy as np
import pytest
from corpus_loader import Program, load
from cuda.device_programs import PROGRAMS
from cuda.device_programs import Program as DeviceCase
from numba import types
from scipy.special import logsumexp

import srcdiff
import srcdiff.cuda
from benchmarks import gpu
from benchmarks.kernel_resources import batch_kernel, narrowed, numba_type, resources
from srcdiff.cuda.device_program import DeviceProgram, build_device
from srcdiff.cuda.kernels import leaf_types
from srcdiff.errors import UnsupportedError
from srcdiff.ir.types import Array
from srcdiff.runtime.cuda import device_arrays
from srcdiff.runtime.cuda.numba_cuda_api import is_simulator, ptx

has_compiler = importlib.util.find_spec("numba_cuda") is not None and not is_simulator()
pytestmark = pytest.mark.skipif(
    not has_compiler, reason="numba-cuda compiles, the simulator does not"
)

CAPABILITIES = [(7, 5), (8, 0), (9, 0)]


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
def test_kernels_of_the_corpus(program: Program, record_property: Any) -> None:
    kernel, given = kernel_of(program_of(program))
    for capability in CAPABILITIES:
        text = ptx(kernel, given, capability)
        assert f".target sm_{capability[0]}{capability[1]}" in text
        record_property(f"sm_{capability[0]}{capability[1]}", str(resources(text, capability)))


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
        assert not device.iterations or "%tid.x" in text


@pytest.mark.parametrize("threads", [1, 64])
@pytest.mark.parametrize("program", PROGRAMS, ids=repr)
def test_batches_of_other_programs(program: DeviceCase, threads: int) -> None:
    args = program.arguments(np.random.default_rng(4))
    g = srcdiff.value_and_grad(program.function, argnums=program.argnums, jit=False)
    kernel, given, _ = batch_kernel(g, args, program.axes, threads)
    for capability in CAPABILITIES:
        text = ptx(kernel, given, capability)
        assert f".target sm_{capability[0]}{capability[1]}" in text
        found = resources(text, capability)
        assert found is None or (found.registers > 0 and found.spilled == 0)
    kernel, given, source = batch_kernel(g, narrowed(args), program.axes, threads)
    if not re.search(r"math\.(sin|cos|tan)\(", source):
        assert not re.search(r"\.f64\b", ptx(kernel, given))


def log_Z(log_pi, log_A, log_B, data):
    log_alpha = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 32])
def test_hidden_markov_models(dtype: Any, threads: int) -> None:
    g = srcdiff.value_and_grad(log_Z, argnums=(0, 1, 2), jit=False)
    shapes = ((16,), (16, 16), (16, 32))
    args = (*(np.zeros(s, dtype) for s in shapes), np.zeros((4, 100), np.int64))
    kernel, given, _ = batch_kernel(g, args, (None, None, None, 0), threads)
    for capability in CAPABILITIES:
        text = ptx(kernel, given, capability)
        found = resources(text, capability)
        assert found is None or found.spilled == 0
        assert dtype is np.float64 or not re.search(r"\.f64\b", text)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_of_our_own(dtype: str) -> None:
    real = getattr(types, dtype)
    array = lambda ndim: types.Array(real, ndim, "C")
    own = {"float32": device_arrays._sum_single, "float64": device_arrays._sum_double}[dtype]
    by_hand = gpu.hand_written(16, 8, np.dtype(dtype).type)
    model = [array(1), array(2), array(2), types.int64[:, ::1]]
    cases = [
        (device_arrays._clear, [array(1)]),
        (device_arrays._transpose, [array(2), real, array(2)]),
        (own, [array(2), real, array(1)]),
        (by_hand, [*model, array(3), array(1), array(2), array(3), array(3)]),
    ]
    for kernel, given in cases:
        for capability in CAPABILITIES:
            text = ptx(kernel, given, capability)
            assert dtype == "float64" or not re.search(r"\.f64\b", text)
