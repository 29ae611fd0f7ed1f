"""Compiled kernels are found again by other processes, and nothing else that lies in their folder is ever loaded."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import srcdiff
import srcdiff.cuda
from srcdiff.cuda import kernel_code as module
from srcdiff.cuda.kernel_code import KernelCode
from srcdiff.errors import CacheWarning
from srcdiff.runtime.cuda.numba_cuda_api import is_simulator


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "refresh", lambda target_context: None)
    tmp_path.chmod(0o700)
    return tmp_path


class Context:
    """A target context that compiles for a device."""

    def __init__(self, capability: tuple[int, int] = (9, 0)) -> None:
        self.capability = capability

    def codegen(self) -> Any:
        return SimpleNamespace(magic_tuple=lambda: ((13, 0), self.capability))


class Kernel:
    """What numba.cuda's compiled kernels have that is kept."""

    target_context = Context()

    def __init__(self, args: tuple[str, ...], code: str) -> None:
        self.signature, self.code = SimpleNamespace(args=args), code

    def _reduce_states(self) -> dict[str, Any]:
        return {"args": self.signature.args, "code": self.code}

    @classmethod
    def _rebuild(cls, args: tuple[str, ...], code: str) -> Kernel:
        return cls(args, code)


TYPES = ("float64", "int64")


def kept(name: str = "f", text: str = "a text", code: str = "machine code") -> Any:
    """Where a kernel is kept."""
    cache = KernelCode(name, text)
    cache.save_overload(TYPES, Kernel(TYPES, code))
    return cache.stored["float64, int64"].path


def found(text: str = "a text", types: Any = TYPES, context: Any = None) -> Any:
    return KernelCode("f", text).load_overload(types, context or Context())


def test_a_kernel_is_found_again(folder):
    kept()
    assert found().code == "machine code"
    assert found("another text") is None
    assert found(types=("float32", "int64")) is None
    assert found(context=Context((8, 0))) is None
    cache = KernelCode("f", "a text")
    cache.load_overload(TYPES, Context())
    assert cache.stored["float64, int64"].was_found


@pytest.mark.parametrize("how", ["cut", "altered", "renamed", "empty", "unsealed"])
def test_a_file_that_is_not_as_it_was_written_is_not_loaded(folder, how):
    path, foreign = kept(), kept(text="another text", code="other code")
    content = path.read_bytes()
    bad = {
        "cut": content[:-1],
        "altered": content.replace(b"machine", b"foreign"),
        "renamed": foreign.read_bytes(),
        "empty": b"",
        "unsealed": content.partition(b"\n")[2],
    }[how]
    assert bad != content
    path.write_bytes(bad)
    assert found() is None
    kept()
    assert found().code == "machine code"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_what_others_may_have_written_is_not_loaded(folder):
    path = kept()
    path.chmod(0o666)
    assert found() is None
    path.chmod(0o600)
    assert found() is not None
    folder.chmod(0o777)
    assert found() is None
    with pytest.warns(CacheWarning, match="other users"):
        assert kept() is None


def test_without_a_folder_kernels_are_compiled_and_not_kept(folder, monkeypatch):
    (folder / "file").write_text("no folder")
    monkeypatch.setenv("SRCDIFF_CACHE", str(folder / "file" / "cache"))
    with pytest.warns(CacheWarning, match="in memory only"):
        assert kept() is None
    assert found() is None


def test_what_cannot_be_written_is_not_kept(folder):
    class Linked(Kernel):
        def _reduce_states(self) -> dict[str, Any]:
            raise RuntimeError("Cannot pickle CUDACodeLibrary with linking files")

    cache = KernelCode("f", "a text")
    cache.save_overload(TYPES, Linked(TYPES, ""))
    assert "linking files" in cache.stored["float64, int64"].reason
    assert found() is None


# numba-cuda compiles, and takes from its own cache, the code for a stand-in of a device
TWICE = """
    import numpy as np
    import numba.cuda.codegen as codegen
    import numba.cuda.dispatcher as dispatcher
    from numba import types
    import srcdiff, srcdiff.cuda

    class Device:
        compute_capability, id = (9, 0), 0

    class Context:
        device = Device

    dispatcher.get_current_device = Device
    codegen.devices.get_context = lambda *_: Context
    codegen.runtime.runtime.get_version = lambda: (13, 0)
    dispatcher._Kernel.bind = lambda self: self._codelibrary.get_asm_str(cc=(9, 0))

    def energy(x):
        return np.sum(np.sin(x) ** 2)

    run = srcdiff.cuda.batched(srcdiff.value_and_grad(energy))
    run.source_for(np.ones((4, 3)))
    ((kernel,),) = run.kernels.values()
    def array(dtype, ndim):
        return types.Array(dtype, ndim, "C")
    f = types.float64
    given = (types.int64, array(f, 2), array(f, 1), array(f, 2), array(types.int32, 1))
    compiled = kernel.function.compile(given)
    (stored,) = kernel.function._cache.stored.values()
    print(stored.was_found, ".target sm_90" in compiled._codelibrary.get_asm_str(cc=(9, 0)))
"""
has_compiler = importlib.util.find_spec("numba_cuda") is not None and not is_simulator()


@pytest.mark.skipif(not has_compiler, reason="numba-cuda compiles, the simulator does not")
def test_another_process_compiles_nothing(tmp_path):
    script = tmp_path / "twice.py"
    script.write_text(textwrap.dedent(TWICE))
    cache = tmp_path / "cache"
    env = {**os.environ, "SRCDIFF_CACHE": str(cache), "NUMBA_ENABLE_CUDASIM": "0"}

    def run() -> list[str]:
        done = subprocess.run(
            [sys.executable, str(script)], env=env, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert [run(), run()] == [["False", "True"], ["True", "True"]]
    (file,) = cache.glob("*.kernel")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"sm_90", b"sm_91"))
    assert run() == ["False", "True"]


def test_the_simulator_keeps_nothing(folder):
    if not is_simulator():
        pytest.skip("a device")
    run = srcdiff.cuda.batched(srcdiff.grad(lambda x: np.sin(x)))
    np.testing.assert_allclose(run(np.ones(2)), np.cos(np.ones(2)))
    assert not [*folder.glob("*.kernel")]
