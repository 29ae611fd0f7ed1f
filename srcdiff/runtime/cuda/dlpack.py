"""Exchange of arrays by DLPack, without a copy.

    view = imported(array)      # has `__cuda_array_interface__`, or `__array_interface__` for host memory
    jax.numpy.from_dlpack(Exported(described, device, owner))

The C structures are those of DLPack's version 1, unchanged since 0.6.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

HOST, CUDA, MANAGED = 1, 2, 13  # kinds of devices: kDLCPU, kDLCUDA, kDLCUDAManaged
_NAME = b"dltensor"
_CODES = {0: "i", 1: "u", 2: "f", 5: "c", 6: "b"}
_NUMBERS = {kind: code for code, kind in _CODES.items()}


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Managed(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


_new = ctypes.pythonapi.PyCapsule_New
_new.restype, _new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_deleter_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def device_of(array: object) -> tuple[int, int] | None:
    """The kind and the number of the device of an array; None for an object without DLPack."""
    if not hasattr(array, "__dlpack_device__"):
        return None
    kind, number = array.__dlpack_device__()
    return int(kind), int(number)


class View:
    """The memory of an array, as CUDA's or NumPy's array interface; `owner` keeps the memory alive."""

    def __init__(self, described: dict[str, Any], is_host: bool, owner: object) -> None:
        self.owner = owner
        setattr(self, "__array_interface__" if is_host else "__cuda_array_interface__", described)


def imported(array: Any) -> View:
    """The memory of an array that has `__dlpack__`, ready for the device's default stream.

    Raises
    ------
    TypeError
        For elements that NumPy has no type for.
    """
    capsule = array.__dlpack__()  # the capsule deletes its memory when nothing refers to it
    t = ctypes.cast(_pointer(capsule, _NAME), ctypes.POINTER(_Managed)).contents.tensor
    if t.code not in _CODES or t.lanes != 1:
        raise TypeError(f"an array of DLPack's type {t.code} with {t.bits} bits: pass numbers")
    dtype = np.dtype(f"{_CODES[t.code]}{t.bits // 8}")
    strides = tuple(t.strides[k] * dtype.itemsize for k in range(t.ndim)) if t.strides else None
    described = {
        "shape": tuple(t.shape[k] for k in range(t.ndim)),
        "strides": strides,
        "typestr": dtype.str,
        "data": ((t.data or 0) + t.byte_offset, False),
        "version": 3,
    }
    return View(described, t.device_type not in (CUDA, MANAGED), capsule)


class Exported:
    """An array for `from_dlpack` of other libraries; `described` has the keys of the CUDA array interface."""

    def __init__(self, described: dict[str, Any], device: tuple[int, int], owner: object) -> None:
        self.described, self.device, self.owner = described, device, owner

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, **_: Any) -> Any:
        shape, dtype = tuple(self.described["shape"]), np.dtype(self.described["typestr"])
        given = self.described.get("strides")
        lengths = (ctypes.c_int64 * max(len(shape), 1))(*shape)
        steps = [s // dtype.itemsize for s in given] if given else _steps(shape)
        strides = (ctypes.c_int64 * max(len(shape), 1))(*steps)
        managed = _Managed()
        managed.tensor = _Tensor(
            self.described["data"][0],
            *self.device,
            len(shape),
            _NUMBERS[dtype.kind],
            8 * dtype.itemsize,
            1,
            lengths,
            strides,
            0,
        )
        managed.deleter = ctypes.cast(_delete, ctypes.c_void_p)
        address = ctypes.addressof(managed)
        _KEPT[address] = (managed, lengths, strides, self.owner)
        return _new(address, _NAME, None)


_KEPT: dict[int, object] = {}  # the arrays that consumers hold, until they delete them


def _forget(address: int) -> None:
    _KEPT.pop(address, None)


_delete = _deleter_type(_forget)


def _steps(shape: tuple[int, ...]) -> list[int]:
    """The strides of a contiguous array, in elements."""
    return [int(np.prod(shape[k + 1 :], dtype=int)) for k in range(len(shape))]
