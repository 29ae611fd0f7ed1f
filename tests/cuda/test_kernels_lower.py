"""What the simulator runs, Numba's CUDA target types and lowers: the simulator takes more (lists, NumPy, other types on
two paths). Needs neither numba-cuda nor a device; that nvvm takes it is for test_compiles.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cuda.device_programs import PROGRAMS

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("numba_cuda") is not None, reason="numba-cuda compiles them whole"
)
FAST = ["looked_up", "strained"]
# Numba's own target does not compile min and max, which numba-cuda does
REST = [repr(p) for p in PROGRAMS if repr(p) not in (*FAST, "edit_distance", "option_price")]


def lowered(names: list[str]) -> list[str]:
    script = str(Path(__file__).parent / "lowering.py")
    env = {**os.environ, "NUMBA_ENABLE_CUDASIM": "0"}
    done = subprocess.run(
        [sys.executable, script, *names], env=env, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr[-3000:]
    return sorted(done.stdout.split())


@pytest.mark.long
def test_some_programs() -> None:
    assert lowered(FAST) == sorted(FAST)


@pytest.mark.slow
def test_the_other_programs() -> None:
    assert lowered(REST) == sorted(REST)
