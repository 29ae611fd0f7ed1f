"""The script for machines with a GPU runs to its end in the simulator, with all checks of its rows."""

from __future__ import annotations

import sys

import pytest

from benchmarks import gpu
from srcdiff.runtime.cuda.numba_cuda_api import is_simulator

pytestmark = pytest.mark.skipif(not is_simulator(), reason="on a device the script itself is run")


def ran(names: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--quick", "--only", names])
    gpu.main()  # it exits where a column fails
    return capsys.readouterr().out


def test_a_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    output = ran("kernels", monkeypatch, capsys)
    assert "Numba's simulator, whose times say nothing of a device" in output
    assert "| adjoint kernel, 6 bodies |" in output


@pytest.mark.slow
def test_all_rows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    output = ran("hmm,n-body,mixture,svi,em,kernels", monkeypatch, capsys)
    for row in ("| hmm N=5", "| n-body N=3", "| mixture N=5", "| SVI step", "| EM iteration"):
        assert row in output
