"""What is compiled touches no memory outside of its arrays, whatever shapes and indices it is given.

The loop form is run by Python, with arrays that refuse subscripts outside of their bounds, and storage that is NaN until it is
written; what is outside has to be raised by the checks that were generated, not by the array. Then the same as machine
code, with Numba's own checks beneath.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import pytest
from fuzz import bounds
from fuzz.check import listed
from fuzz.checked_runs import run_by_python, run_checked_by_numba
from fuzz.compare import flat, function_of
from fuzz.known import REFUSALS

import srcdiff
from srcdiff.handles.compiling.jit import Compiled

FAST = 8
CALLS = 5


def outcome(function: Any, args: tuple[Any, ...]) -> Any:
    """A result, or None where it raises; the error where the program is refused for a reason of the list."""
    try:
        with np.errstate(all="ignore"):
            return function(*copy.deepcopy(args))
    except (IndexError, ValueError):
        return None
    except srcdiff.UnsupportedError as refused:
        if listed(str(refused), REFUSALS) or "cannot be compiled" in str(refused):
            return refused
        raise


def check(seeds: Iterator[int]) -> None:
    """Each program with the arguments of several calls, by one handle."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        f = function_of(bounds.program(seed))
        g, by_numpy = (
            srcdiff.value_and_grad(f, argnums=(0, 1, 2), jit=jit, on_independent="ignore")
            for jit in (True, False)
        )
        for call in range(CALLS):
            args = bounds.arguments(seed, call)
            expected, found = outcome(f, args), outcome(g, args)
            if isinstance(found, srcdiff.UnsupportedError):
                seen["raised" if expected is None else "refused"] += 1
                continue
            where = f"seed {seed}, call {call}"
            assert (found is None) == (expected is None), where
            seen["raised" if expected is None else "ran"] += 1
            if expected is not None:
                numbers = np.append(flat(outcome(by_numpy, args)[1]), expected)
                np.testing.assert_allclose(
                    np.append(flat(found[1]), found[0]), numbers, rtol=1e-9, atol=1e-11, err_msg=where
                )  # fmt: skip
    assert seen["ran"] > 0.15 * seen.total() and seen["raised"] > 0.15 * seen.total()
    assert seen["refused"] <= 0.02 * seen.total()


@pytest.mark.long
def test_loops_touch_nothing_outside(monkeypatch) -> None:
    monkeypatch.setattr(Compiled, "compile_for", run_by_python)
    check(iter(range(FAST)))


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(8))
def test_many_loops_touch_nothing_outside(chunk: int, monkeypatch) -> None:
    monkeypatch.setattr(Compiled, "compile_for", run_by_python)
    check(iter(range(1000 + 40 * chunk, 1040 + 40 * chunk)))


@pytest.mark.slow
def test_machine_code_touches_nothing_outside(monkeypatch) -> None:
    monkeypatch.setattr(numba.core.config, "BOUNDSCHECK", 1)
    monkeypatch.setattr(Compiled, "compile_for", run_checked_by_numba)
    check(iter(range(2000, 2010)))
