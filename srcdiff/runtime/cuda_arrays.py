"""Arrays on a CUDA device: whose they are, new ones, and the sums that batches need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcdiff.runtime.cuda import cuda, is_simulator

__all__ = [
    "as_device_array",
    "device_of",
    "empty",
    "free_memory",
    "is_device_array",
    "items_first",
    "like",
    "sums",
    "to_device",
    "zeros",
]

_THREADS = 8 if is_simulator() else 128  # of a block
_BLOCKS = 1 if is_simulator() else 4096  # at most


def is_device_array(value: Any) -> bool:
    """Whether something is an array on a device: of Numba, CuPy, PyTorch, or whoever says so by the interface."""
    if is_simulator():
        return type(value).__name__ == "FakeCUDAArray"
    if type(value).__module__.partition(".")[0] == "torch":
        return bool(value.is_cuda)
    return hasattr(value, "__cuda_array_interface__")


def as_device_array(value: Any) -> Any:
    """The same memory as Numba's array; PyTorch's tensors without their own derivatives."""
    if hasattr(value, "detach"):
        value = value.detach()
    return value if is_simulator() else cuda.as_cuda_array(value)


def like(library: Any, array: Any) -> Any:
    """A device array as an array of the library that `library`, another array, is of."""
    module = type(library).__module__.partition(".")[0]
    if module == "cupy":
        import cupy  # type: ignore[import-not-found]

        return cupy.asarray(array)
    if module == "torch":
        import torch  # type: ignore[import-not-found]

        return torch.as_tensor(array, device=library.device)
    return array


def device_of(array: Any) -> Any:
    """Something that tells the devices of arrays apart."""
    if is_simulator():
        return 0
    if hasattr(array, "device") and hasattr(array.device, "index"):
        return array.device.index
    device = getattr(array, "device", None)
    return getattr(device, "id", 0)


def free_memory() -> int:
    """Bytes that are free on the device."""
    if is_simulator():
        return 1 << 30
    return int(cuda.current_context().get_memory_info().free)


def to_device(array: Any, stream: Any = 0) -> Any:
    """A copy of a NumPy array, contiguous, on the device."""
    return cuda.to_device(np.ascontiguousarray(array), stream=stream)


def empty(shape: Sequence[int], dtype: Any, stream: Any = 0) -> Any:
    """A new device array; one without elements has a place for one."""
    return cuda.device_array(tuple(max(n, 1) for n in shape), dtype, stream=stream)


def zeros(shape: Sequence[int], dtype: Any, stream: Any = 0) -> Any:
    """A new device array of zeros."""
    count = int(np.prod(shape, dtype=int))
    flat = cuda.device_array(max(count, 1), dtype, stream=stream)
    blocks = max(1, min(-(-count // _THREADS), _BLOCKS))
    _clear[blocks, _THREADS, stream](flat)
    return flat[:count].reshape(tuple(shape)) if count else cuda.to_device(np.zeros(shape, dtype))


@cuda.jit
def _clear(flat: Any) -> None:
    for k in range(cuda.grid(1), len(flat), cuda.gridsize(1)):
        flat[k] = 0


def items_first(array: Any, scale: float = 1.0, stream: Any = 0, is_first: bool = False) -> Any:
    """A device array, times a number, with its last axis in front; `is_first`: it is there already."""
    *rest, items = tuple(array.shape)
    shape, dtype = (*rest, items) if is_first else (items, *rest), np.dtype(array.dtype)
    count = int(np.prod(shape, dtype=int))
    if ((is_first or not rest) and scale == 1.0) or not count:
        return array.reshape(shape)
    out = cuda.device_array(shape, dtype, stream=stream)
    blocks = max(1, min(-(-count // _THREADS), _BLOCKS))
    rows = 1 if is_first else count // shape[0]
    flat, turned = array.reshape(rows, count // rows), out.reshape(count // rows, rows)
    _transpose[blocks, _THREADS, stream](flat, dtype.type(scale), turned)
    return out


@cuda.jit
def _transpose(array: Any, factor: Any, out: Any) -> None:
    rows, columns = array.shape
    for k in range(cuda.grid(1), rows * columns, cuda.gridsize(1)):
        out[k % columns, k // columns] = array[k // columns, k % columns] * factor


def sums(parts: Any, scale: float = 1.0, stream: Any = 0, is_first: bool = False) -> Any:
    """The sums along the last axis of a device array, or the first, times a number: always in the same order.

    Each thread of a block adds up one number of each row of the block's width, and the block adds those up in pairs.
    """
    *shape, width = tuple(parts.shape)
    if is_first:
        width, *shape = tuple(parts.shape)
    dtype = np.dtype(parts.dtype)
    count = int(np.prod(shape, dtype=int))
    if not count:
        return cuda.to_device(np.zeros(shape, dtype))
    if is_first and count > 1:
        parts = items_first(parts.reshape(width, count), 1.0, stream)
    out = cuda.device_array(count, dtype, stream=stream)
    kernel = _sum_single if dtype == np.float32 else _sum_double
    kernel[count, _THREADS, stream](parts.reshape(count, width), dtype.type(scale), out)
    return out.reshape(tuple(shape))


def _sum_kernel(real: Any) -> Any:
    @cuda.jit
    def sum_rows(parts: Any, scale: Any, out: Any) -> None:
        shared = cuda.shared.array(_THREADS, real)
        row, k = cuda.blockIdx.x, cuda.threadIdx.x
        total = real(0.0)
        for j in range(k, parts.shape[1], _THREADS):
            total += parts[row, j]
        shared[k] = total
        cuda.syncthreads()
        half = _THREADS // 2
        while half > 0:
            if k < half:
                shared[k] += shared[k + half]
            cuda.syncthreads()
            half //= 2
        if k == 0:
            out[row] = shared[0] * scale

    return sum_rows


_sum_double, _sum_single = _sum_kernel(np.float64), _sum_kernel(np.float32)
