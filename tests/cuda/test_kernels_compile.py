"""nvvm takes the generated adjoint and tangent kernels. Needs nvvm, and no device."""

from __future__ import annotations

import re

import block_kernels
import numpy as np
import pytest
import thread_kernels
import warp_kernels
from numba import types
from numba.np.numpy_support import from_dtype
from user_kernels import CASES, SINGLE, Case

import srcdiff.cuda
from srcdiff.codegen.module.load import load
from srcdiff.cuda.kernel_program import KernelProgram
from srcdiff.ir.types import Array
from srcdiff.runtime.cuda.numba_cuda_api import is_simulator, ptx


def has_compiler() -> bool:
    """Whether there is an nvvm: numba-cuda's, or one that Numba finds."""
    if is_simulator():
        return False
    try:
        ptx(lambda x: None, [types.float64[::1]])
    except Exception:  # whatever a toolkit that is half there raises
        return False
    return True


pytestmark = pytest.mark.skipif(not has_compiler(), reason="nvvm compiles, the simulator does not")

ALL = [*CASES, *thread_kernels.CASES, *block_kernels.CASES]
CAPABILITIES = [(7, 5), (8, 0), (9, 0)]


def compiled(program: KernelProgram, capability) -> str:
    def of(type_):
        if isinstance(type_, Array):
            return types.Array(from_dtype(np.dtype(type_.dtype)), type_.ndim, "C")
        is_narrow = program.single and type_.dtype == "float64"
        return types.float32 if is_narrow else from_dtype(np.dtype(type_.dtype))

    given = [of(t) for t in program.types]
    given += [given[k] for k in program.of]
    kept = [(from_dtype(np.dtype(k.dtype)), len(k.shape) + 1) for k in program.thread_storage]
    given += [types.Array(dtype, ndim, "C") for dtype, ndim in kept]
    return ptx(load(program.source, program.name, program.bindings), given, capability)


def programs(case: Case, dtype):
    args = case.arguments(np.random.default_rng(0), dtype)
    for derived in (srcdiff.cuda.adjoint(case.kernel), srcdiff.cuda.tangent(case.kernel)):
        yield derived.program_for(*args)


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL, ids=repr)
def test_for_all_capabilities(case: Case) -> None:
    for program in programs(case, np.float64):
        for capability in CAPABILITIES:
            assert f".target sm_{capability[0]}{capability[1]}" in compiled(program, capability)


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL, ids=repr)
def test_second_derivatives(case: Case) -> None:
    args = case.arguments(np.random.default_rng(0), np.float64)
    shadows = [a for a in args if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    first = srcdiff.cuda.adjoint(case.kernel)
    for derive in (srcdiff.cuda.adjoint, srcdiff.cuda.tangent):
        program = derive(first).program_for(*args, *(a.copy() for a in shadows))
        assert ".target sm_90" in compiled(program, (9, 0))


@pytest.mark.parametrize("case", warp_kernels.CASES, ids=repr)
def test_shuffles(case: Case) -> None:
    for program in programs(case, np.float64):
        assert "shfl.sync" in compiled(program, (8, 0))


@pytest.mark.slow
@pytest.mark.parametrize("case", SINGLE, ids=repr)
def test_single_precision_computes_nothing_in_double(case: Case) -> None:
    for program in programs(case, np.float32):
        assert not re.search(r"\.f64\b", compiled(program, (9, 0))), program.source
