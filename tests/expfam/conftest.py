"""Families run as NumPy in these tests: each would be compiled for seconds. `test_compiled.py` compiles some."""

import pytest


@pytest.fixture(autouse=True)
def _as_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_JIT", "0")
