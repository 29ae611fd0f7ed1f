"""Loops of EM, of SVI and of adjoint kernels stay on the device: what crosses over in a step is counted."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gpu_loops import LOOPS
from srcdiff.runtime.cuda import numba_cuda_api as runtime
from srcdiff.runtime.cuda.numba_cuda_api import cuda, device_problem, is_simulator

pytestmark = pytest.mark.skipif(
    device_problem() is not None or not is_simulator(), reason="counts the simulator's copies"
)


class Copies:
    """What is copied from one side to the other, in bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.up: list[int] = []
        self.down: list[int] = []
        array = type(cuda.to_device(np.zeros(1)))
        to_host, to_array, to_device = array.copy_to_host, array.copy_to_device, cuda.to_device

        def copy_to_host(own, *args, **kwargs):
            self.down.append(own.size * own.dtype.itemsize)
            return to_host(own, *args, **kwargs)

        def copy_to_device(own, source, *args, **kwargs):
            if not isinstance(source, array):
                self.up.append(np.asarray(source).nbytes)
            return to_array(own, source, *args, **kwargs)

        def sent(source, *args, **kwargs):
            if not isinstance(source, array):
                self.up.append(np.asarray(source).nbytes)
            return to_device(source, *args, **kwargs)

        monkeypatch.setattr(array, "copy_to_host", copy_to_host)
        monkeypatch.setattr(array, "copy_to_device", copy_to_device)
        monkeypatch.setattr(cuda, "to_device", sent)
        assert runtime.cuda is cuda


@pytest.mark.parametrize("name", ["em", "kernels", pytest.param("svi", marks=pytest.mark.slow)])
def test_a_step_copies_nothing_but_whether_it_failed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(LOOPS) == {"em", "kernels", "svi"}
    loop = LOOPS[name](True)
    loop.step()  # compiles
    copies = Copies(monkeypatch)
    loop.step()
    assert len(copies.down) <= 1 and sum(copies.down) <= 8
    assert len(copies.up) <= 1 and sum(copies.up) <= 8


def test_copies_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    copies = Copies(monkeypatch)
    there = cuda.to_device(np.zeros(5))
    there.copy_to_device(np.ones(5))
    there.copy_to_device(cuda.device_array(5))
    there.copy_to_host()
    assert copies.up == [40, 40] and copies.down == [40]
