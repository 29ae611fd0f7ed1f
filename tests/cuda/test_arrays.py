"""Arrays of other libraries come in without a copy, and results come out as theirs; errors of devices say what to do.

No GPU is needed: in the simulator the device's memory is the host's, and stand-ins hand it over as the libraries do.
"""

from __future__ import annotations

import gc
import re
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import srcdiff
import srcdiff.cuda
from srcdiff.errors import UnsupportedError
from srcdiff.runtime.cuda import device_arrays, dlpack
from srcdiff.runtime.cuda import numba_cuda_api as runtime
from srcdiff.runtime.cuda.numba_cuda_api import cuda, is_simulator

pytestmark = pytest.mark.skipif(not is_simulator(), reason="stand-ins lie in the host's memory")


class Standing:
    """An array of a library for devices: NumPy cannot see into it."""

    def __init__(self, data: Any, place: int = 0) -> None:
        self.data, self.place = np.asarray(data), place
        self.shape, self.dtype, self.ndim = self.data.shape, self.data.dtype, self.data.ndim

    __array__ = None


class Interface(Standing):
    """By the interface of CUDA arrays, as CuPy's."""

    @property
    def device(self) -> Any:
        return SimpleNamespace(id=self.place)

    @property
    def __cuda_array_interface__(self) -> Any:
        return {**self.data.__array_interface__, "stream": None}


class Packed(Standing):
    """By DLPack alone, with the array API's way back."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return dlpack.CUDA, self.place

    def __dlpack__(self, **given: Any) -> Any:
        described = self.data.__array_interface__
        return dlpack.Exported(described, (dlpack.CUDA, self.place), self.data).__dlpack__(**given)

    def __array_namespace__(self) -> Any:
        return SimpleNamespace(from_dlpack=lambda x: Packed(taken(x)))


def taken(exported: Any) -> Any:
    """What a consumer of DLPack sees, where the memory is the host's."""
    assert exported.__dlpack_device__() == (dlpack.CUDA, 0)
    view = dlpack.imported(exported)
    host = dlpack.View(view.__cuda_array_interface__, is_host=True, owner=view)
    return np.asarray(host).copy()


def cupy(monkeypatch: pytest.MonkeyPatch) -> type[Interface]:
    """A module cupy, and its arrays."""
    kind = type("ndarray", (Interface,), {"__module__": "cupy"})
    module: Any = ModuleType("cupy")
    module.asarray = lambda a: kind(np.asarray(SimpleHost(a)).copy())
    monkeypatch.setitem(sys.modules, "cupy", module)
    return kind


class SimpleHost:
    def __init__(self, array: Any) -> None:
        self.__array_interface__ = array.__cuda_array_interface__


def torch(monkeypatch: pytest.MonkeyPatch) -> type[Interface]:
    """A module torch, and its tensors, which have derivatives of their own."""

    class Tensor(Interface):
        is_cuda = True
        is_detached = False
        dtype: Any

        @property
        def device(self) -> Any:
            return SimpleNamespace(index=self.place)

        def detach(self) -> Any:
            other = Tensor(self.data)
            other.is_detached = True
            return other

        @property
        def __cuda_array_interface__(self) -> Any:
            assert self.is_detached, "PyTorch refuses the interface of what requires grad"
            return self.data.__array_interface__

    Tensor.__module__ = "torch"

    def as_tensor(a: Any, device: Any) -> Any:
        assert device.index == 0
        return Tensor(np.asarray(SimpleHost(a)).copy())

    module: Any = ModuleType("torch")
    module.as_tensor = as_tensor
    monkeypatch.setitem(sys.modules, "torch", module)
    return Tensor


def loss(w, x):
    return np.sum(np.tanh(w * x) ** 2)


GRADIENT = srcdiff.value_and_grad(loss, jit=False)
RNG = np.random.default_rng(2)
W, X = RNG.normal(size=3), RNG.normal(size=(4, 3))
EXPECTED = [GRADIENT(W, row) for row in X]


@pytest.mark.parametrize("make", [cupy, torch, lambda _: Packed], ids=["cupy", "torch", "dlpack"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_results_are_of_the_library_that_arguments_are_of(
    make: Any, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = make(monkeypatch)
    w, x = W.astype(dtype), X.astype(dtype)
    value, gradient = srcdiff.cuda.batched(GRADIENT, (None, 0))(kind(w), kind(x))
    rtol = 1e-12 if dtype is np.float64 else 1e-5
    for found, expected in ((value, 0), (gradient, 1)):
        assert type(found) is kind
        assert found.data.dtype == dtype
        np.testing.assert_allclose(found.data, [e[expected] for e in EXPECTED], rtol=rtol)


def test_what_says_no_way_back_gives_arrays_of_numba() -> None:
    value, _ = srcdiff.cuda.batched(GRADIENT, (None, 0))(Interface(W), Interface(X))
    np.testing.assert_allclose(value.copy_to_host(), [e[0] for e in EXPECTED])


def test_strided_arrays_are_not_copied() -> None:
    wide = np.zeros((4, 6))
    wide[:, ::2] = X
    for kind in (Interface, Packed):
        array = device_arrays.as_device_array(kind(wide[:, ::2]))
        assert np.shares_memory(array._ary, wide)
        _, gradient = srcdiff.cuda.batched(GRADIENT, (None, 0), "sum")(W, kind(wide[:, ::2]))
        found = gradient.data if kind is Packed else gradient.copy_to_host()
        np.testing.assert_allclose(found, sum(e[1] for e in EXPECTED))


def test_host_code_takes_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (cupy(monkeypatch), torch(monkeypatch), Packed):
        value, gradient = GRADIENT(kind(W), X[0])
        assert type(gradient) is kind
        np.testing.assert_allclose(gradient.data, EXPECTED[0][1])
        np.testing.assert_allclose(value, EXPECTED[0][0])


def test_dlpack_of_numpy_is_read_as_it_is() -> None:
    narrow, flags, number = np.arange(3, dtype=np.int32), np.array([True, False]), np.array(2.0)
    for array in (X, X.T, X[::2, 1:], narrow, flags, number):
        view = np.asarray(dlpack.imported(array))
        assert view.dtype == array.dtype
        np.testing.assert_array_equal(view, array)
        assert np.shares_memory(view, array)


@pytest.mark.long
def test_numpy_reads_what_is_exported_and_lets_it_go() -> None:
    before = len(dlpack._KEPT)
    for array in (X, X.T, X[1:, ::2], np.zeros((0, 3))):
        taken = np.from_dlpack(dlpack.Exported(array.__array_interface__, (dlpack.HOST, 0), array))
        np.testing.assert_array_equal(taken, array)
        del taken
    gc.collect()
    assert len(dlpack._KEPT) == before


# ---- devices ------------------------------------------------------------------------------------


def test_arrays_on_several_devices_are_an_error() -> None:
    run = srcdiff.cuda.batched(GRADIENT, (None, 0))
    for kind in (Interface, Packed):
        with pytest.raises(ValueError, match=r"w on device 0, x on device 1.*copy them to one"):
            run(kind(W), kind(X, 1))
        with pytest.raises(
            ValueError, match=r"on device 1, and .* on device 0: call numba.cuda.sel"
        ):
            run(W, kind(X, 1))


def test_a_device_without_room_is_a_memory_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **options: Any) -> Any:
        raise RuntimeError("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY")

    monkeypatch.setattr(cuda, "device_array", full)
    with pytest.raises(MemoryError, match=r"no room for an array of .*Pass fewer items at a time"):
        srcdiff.cuda.batched(GRADIENT, (None, 0))(W, X)
    monkeypatch.undo()
    monkeypatch.setattr(cuda, "to_device", full)
    with pytest.raises(MemoryError, match="no room for an array of 24 bytes"):
        srcdiff.cuda.batched(GRADIENT, (None, 0))(W, X)


def _is_there(*_: Any) -> Any:
    return object()


@pytest.mark.parametrize(
    ("package", "driver", "toolkit", "message", "advice"),
    [
        (False, False, False, "numba-cuda is not installed", r"pip install \"srcdiff\[cuda\]\""),
        (True, False, True, "no CUDA device, or no driver", "Run where a GPU is"),
        (True, True, False, "the CUDA toolkit's compiler", r"numba-cuda\[cu13\]"),
    ],
)
def test_missing_methods_are_named(
    package: bool, driver: bool, toolkit: bool, message: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(runtime, "is_simulator", lambda: False)
    found = _is_there if package else lambda *_: None
    monkeypatch.setattr(runtime.importlib.util, "find_spec", found)
    monkeypatch.setattr(cuda, "is_available", lambda: driver)
    monkeypatch.setattr(cuda, "cuda_error", lambda: "no libcuda.so", raising=False)
    monkeypatch.setattr(runtime, "_has_compiler", lambda: toolkit)
    run = srcdiff.cuda.batched(GRADIENT, (None, 0))
    for call in (lambda: run(W, X), lambda: srcdiff.grad(loss, target="cuda")(W, X[0])):
        with pytest.raises(UnsupportedError, match=message) as caught:
            call()
        assert caught.value.advice
        assert re.search(advice, caught.value.advice)
