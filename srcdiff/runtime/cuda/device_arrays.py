"""Arrays on a CUDA device: recognition, conversion, allocation, and the sums that batches need."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from srcdiff.runtime.cuda import dlpack
from srcdiff.runtime.cuda.numba_cuda_api import cuda, is_simulator

_THREADS = 8 if is_simulator() else 128  # threads of a block
_BLOCKS = 1 if is_simulator() else 4096  # blocks of a grid, at most


def is_device_array(value: Any) -> bool:
    """Whether a value is an array on a device: of Numba, CuPy, PyTorch, or of a library that supports the CUDA array
    interface or DLPack.
    """
    if value is None or isinstance(value, np.ndarray | np.generic | int | float | complex | str):
        return False
    if _is_simulated(value):
        return True
    if type(value).__module__.partition(".")[0] == "torch":
        return bool(value.is_cuda)
    if hasattr(value, "__cuda_array_interface__"):
        return True
    place = dlpack.device_of(value)
    return place is not None and place[0] in (dlpack.CUDA, dlpack.MANAGED)


def _is_simulated(value: object) -> bool:
    return is_simulator() and type(value).__name__ == "FakeCUDAArray"


def as_device_array(value: object) -> Any:
    """Numba's array with the same memory; a PyTorch tensor is detached from its autograd graph."""
    if _is_simulated(value):
        return value
    if hasattr(value, "detach"):
        value = value.detach()
    if not hasattr(value, "__cuda_array_interface__"):
        value = dlpack.imported(value)
    if not is_simulator():
        return cuda.as_cuda_array(value)
    return _simulated(value)


def _simulated(value: Any) -> Any:
    """The simulator's array for the memory of another simulated array."""
    array = cuda.to_device(np.empty(0))
    array._ary = np.asarray(_as_if_host(value.__cuda_array_interface__, value))
    return array


def _as_if_host(interface: Mapping[str, object], owner: object) -> dlpack.View:
    """The array interface of host memory, for NumPy."""
    described = {k: v for k, v in interface.items() if k != "stream"}
    return dlpack.View(described, is_host=True, owner=owner)


def like(library: Any, array: Any) -> Any:
    """A device array as an array of the library of `library`, which is another array; Numba's array, if that library
    has no conversion.
    """
    module = type(library).__module__.partition(".")[0]
    if module == "cupy":
        import cupy  # type: ignore[import-not-found]

        return cupy.asarray(_with_interface(array))
    if module == "torch":
        import torch  # type: ignore[import-not-found]

        return torch.as_tensor(_with_interface(array), device=library.device)
    if hasattr(library, "__array_namespace__") and not _is_simulated(library):
        place = dlpack.device_of(library)
        take = getattr(library.__array_namespace__(), "from_dlpack", None)
        if place is not None and take is not None:
            view = _with_interface(array)
            return take(dlpack.Exported(view.__cuda_array_interface__, place, view))
    return array


def _with_interface(array: Any) -> Any:
    """The array with the CUDA array interface, which the simulator's arrays lack."""
    if not _is_simulated(array):
        return array
    return dlpack.View(dict(array._ary.__array_interface__), is_host=False, owner=array)


def dtype_of(array: Any) -> np.dtype[Any]:
    """NumPy's dtype for the elements of an array of any library (PyTorch's is `torch.float32`)."""
    return np.dtype(str(array.dtype).rpartition(".")[2])


def device_of(array: object) -> int:
    """The number of an array's device; 0 if the array does not state it."""
    if _is_simulated(array):
        return 0
    place = dlpack.device_of(array)
    if place is not None:
        return place[1]
    for path in ("device.index", "device.id", "gpu_data.context.device.id"):
        with contextlib.suppress(AttributeError):
            found = operator.attrgetter(path)(array)
            if isinstance(found, int):
                return found
    return 0


def memory_of(array: np.ndarray) -> Any:
    """The memory of an array, as a NumPy array that is not to be read; None for other objects."""
    if isinstance(array, np.ndarray):
        return array
    if _is_simulated(array):
        return array._ary
    if not is_device_array(array):
        return None
    own = as_device_array(array)
    return np.asarray(_as_if_host(own.__cuda_array_interface__, own))


def current_device() -> int:
    """The number of the device that kernels are launched on."""
    return 0 if is_simulator() else int(cuda.get_current_device().id)


def free_memory() -> int:
    if is_simulator():
        return 1 << 30
    return int(cuda.current_context().get_memory_info().free)


def to_device(array: np.ndarray, stream: object = 0) -> Any:
    """A copy of a NumPy array, contiguous, on the device."""
    host = np.ascontiguousarray(array)
    return _made(lambda: cuda.to_device(host, stream=stream), host.nbytes)


def to_host(array: Any, stream: Any = 0) -> Any:
    """A copy of a device array as a NumPy array, after the stream has finished."""
    if not stream:
        return array.copy_to_host()
    host = array.copy_to_host(stream=stream)
    stream.synchronize()
    return host


def empty(shape: Sequence[int], dtype: object, stream: object = 0) -> Any:
    """A new device array; for a length of 0 it has room for one element."""
    return _new(tuple(max(n, 1) for n in shape), dtype, stream)


def _new(shape: Sequence[int], dtype: Any, stream: object) -> Any:
    size = int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
    return _made(lambda: cuda.device_array(tuple(shape), dtype, stream=stream), size)


def _made(make: Callable[[], object], size: int) -> object:
    """A new array of `size` bytes.

    Raises
    ------
    MemoryError
        The device has no room for it.
    """
    try:
        return make()
    except Exception as error:  # the driver's exception, whose class differs between versions
        if "OUT_OF_MEMORY" not in str(error).upper():
            raise
        raise MemoryError(
            f"the device has no room for an array of {size} bytes: {free_memory()} are free. Pass fewer items at a "
            "time, say a smaller memory_limit, or free arrays that lie there"
        ) from error


def zeros(shape: Sequence[int], dtype: np.dtype | str, stream: object = 0) -> Any:
    count = int(np.prod(shape, dtype=int))
    flat = _new((max(count, 1),), dtype, stream)
    blocks = max(1, min(-(-count // _THREADS), _BLOCKS))
    _clear[blocks, _THREADS, stream](flat)
    return flat[:count].reshape(tuple(shape)) if count else cuda.to_device(np.zeros(shape, dtype))


@cuda.jit
def _clear(flat: Any) -> None:
    for k in range(cuda.grid(1), len(flat), cuda.gridsize(1)):
        flat[k] = 0


def items_first(
    array: Any, scale: float = 1.0, stream: object = 0, is_first: bool = False, out: Any = None
) -> Any:
    """A device array times a number, with its last axis moved to the front, unless `is_first` says that it is there
    already. `out` is the storage of the result.
    """
    *rest, items = tuple(array.shape)
    shape, dtype = (*rest, items) if is_first else (items, *rest), np.dtype(array.dtype)
    count = int(np.prod(shape, dtype=int))
    if not count or (out is None and (is_first or not rest) and scale == 1.0):
        return array.reshape(shape)
    if out is None:
        out = _new(shape, dtype, stream)
    blocks = max(1, min(-(-count // _THREADS), _BLOCKS))
    rows = 1 if is_first else count // shape[0]
    flat, transposed = array.reshape(rows, count // rows), out.reshape(count // rows, rows)
    _transpose[blocks, _THREADS, stream](flat, dtype.type(scale), transposed)
    return out


@cuda.jit
def _transpose(array: Any, factor: Any, out: Any) -> None:
    rows, columns = array.shape
    for k in range(cuda.grid(1), rows * columns, cuda.gridsize(1)):
        out[k % columns, k // columns] = array[k // columns, k % columns] * factor


def added(total: Any, part: Any, stream: Any = 0) -> Any:
    """`total` after `part`, an array of the same shape, has been added to it."""
    flat = total.reshape(int(np.prod(total.shape, dtype=int)))
    if len(flat):
        blocks = max(1, min(-(-len(flat) // _THREADS), _BLOCKS))
        _add[blocks, _THREADS, stream](flat, part.reshape(len(flat)))
    return total


@cuda.jit
def _add(total: Any, part: Any) -> None:
    for k in range(cuda.grid(1), len(total), cuda.gridsize(1)):
        total[k] += part[k]


def sums(parts: Any, scale: float = 1.0, stream: Any = 0, is_first: bool = False) -> Any:
    """The sums along the last axis of a device array, or the first axis, times a number: always in the same order.

    A block sums one row. Each thread adds every `_THREADS`-th number of the row, and the block adds the partial sums in
    pairs.
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
    out = _new((count,), dtype, stream)
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
