"""The elementary functions of compiled loops: how exact they are, and that LLVM vectorises loops that call them."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest
from vmath_cases import CASES, CONTEXT, arguments, error_of

from srcdiff.runtime import vmath

FLAGS = {
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},
}  # of generated loops
ONE = sorted(
    set(vmath.__all__) - {"logaddexp", "maximum", "minimum", "polygamma", "quotient"}
)  # the functions of one number
by_name = pytest.mark.parametrize("name", ONE)
by_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@cache
def loop(name: str) -> Any:
    """A compiled loop as generated code has them."""
    function = getattr(vmath, name)

    @numba.njit(**FLAGS)
    def run(x, out):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            out[i] = function(x[i])

    return run


def results(name: str, x: Any) -> Any:
    out = np.empty_like(x)
    loop(name)(x, out)
    return out


def stated(name: str) -> tuple[float, float]:
    """What the docstring says of the largest errors, in float64 and in float32."""
    text = vmath.__dict__[name].__doc__
    found = re.search(r"errors at most (\d+\.\d+) and (\d+\.\d+)", " ".join(text.split()))
    assert found, f"the docstring of {name} states no errors"
    return float(found[1]), float(found[2])


def largest_error(name: str, x: Any) -> tuple[float, float]:
    case, dtype = CASES[name], x.dtype.type
    worst, where = 0.0, math.nan
    for argument, result in zip(x.tolist(), results(name, x).tolist(), strict=True):
        truth = case.truth(CONTEXT.mpf(argument)) if math.isfinite(argument) else argument
        if getattr(truth, "imag", 0) != 0 or CONTEXT.isnan(truth):
            assert math.isnan(result), f"{name}({argument!r}) is {result!r}, not NaN"
            continue
        error = error_of(result, truth, dtype, case.floor)
        if not error <= worst:
            worst, where = error, argument
    return worst, where


@by_dtype
@by_name
def test_errors_are_what_the_docstring_states(name: str, dtype: Any) -> None:
    worst, where = largest_error(name, arguments(CASES[name], dtype, 200))
    assert worst <= stated(name)[dtype is np.float32], f"at {where!r}"


@by_name
def test_stated_errors_are_within_what_is_promised(name: str) -> None:
    assert max(stated(name)) <= CASES[name].bound


@pytest.mark.slow
@by_dtype
@by_name
def test_errors_of_many_arguments(name: str, dtype: Any) -> None:
    worst, where = largest_error(name, arguments(CASES[name], dtype, 20_000, seed=1))
    assert worst <= stated(name)[dtype is np.float32], f"at {where!r}"


@np.errstate(invalid="ignore")
@pytest.mark.slow
@by_name
def test_errors_of_all_float32_numbers(name: str) -> None:
    """Against the float64 function: every seventh number, which ones by the name."""
    worst, every, size = 0.0, 7, 2**22
    for start in range(len(name) % every, 2**32, every * size):
        bits = np.arange(start, min(start + every * size, 2**32), every, dtype=np.uint64)
        x = bits.astype(np.uint32).view(np.float32)
        worst = max(
            worst,
            largest_difference(
                results(name, x), results(name, x.astype(np.float64)), CASES[name].floor
            ),
        )
    assert worst <= stated(name)[1]


@numba.njit(error_model="numpy")
def largest_difference(results, truths, floor):  # type: ignore[no-untyped-def]
    """In units of the last place of float32."""
    worst = 0.0
    for i in range(truths.size):
        truth, result = truths[i], np.float64(results[i])
        if truth != truth and result != result:
            continue
        truth = min(max(truth, -(2.0**128)), 2.0**128)
        result = min(max(result, -(2.0**128)), 2.0**128)
        exponent = math.frexp(min(max(abs(truth), floor), 2.0**127))[1]
        error = abs(result - truth) / 2.0 ** max(exponent - 24, -149)
        if not error <= worst:
            worst = error
    return worst


@np.errstate(over="ignore", under="ignore")
@by_dtype
@by_name
def test_limits_are_exact(name: str, dtype: Any) -> None:
    limits = [(x, y) for x, y in CASES[name].limits if np.array(x).astype(dtype) == x]
    limits += [(math.nan, math.nan), (-math.nan, math.nan)]
    x, expected = np.array(limits, dtype).T.copy()
    found = results(name, x)
    np.testing.assert_array_equal(found, expected)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found)[numbers], np.signbit(expected)[numbers])


@by_name
def test_a_call_from_python_gives_the_same_number_and_type(name: str) -> None:
    function = getattr(vmath, name)
    x = np.array([0.3, 1.7, 25.0])
    assert [function(v) for v in x.tolist()] == results(name, x).tolist()
    assert isinstance(function(0.3), float)
    assert function(2) == function(2.0)
    assert function(True) == function(1.0)


@by_dtype
@by_name
def test_flags_of_the_caller_change_nothing(name: str, dtype: Any) -> None:
    function = getattr(vmath, name)

    @numba.njit(fastmath=False)
    def strict(x, out):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            out[i] = function(x[i])

    x = arguments(CASES[name], dtype, 50)
    expected = np.empty_like(x)
    strict(x, expected)
    np.testing.assert_array_equal(results(name, x), expected)


@by_dtype
@by_name
def test_a_loop_is_vectorised_and_keeps_to_its_type(name: str, dtype: Any) -> None:
    if not vectors():
        pytest.skip("the processor has no vectors, or cannot round them")
    compiled = loop(name)
    compiled(np.ones(8, dtype), np.ones(8, dtype))
    (signature,) = [s for s in compiled.signatures if s[0].dtype == numba.from_dtype(dtype)]
    text = compiled.inspect_llvm(signature)
    kind = "double" if dtype is np.float64 else "float"
    assert len(re.findall(rf"= fmul <\d+ x {kind}>", text)) >= 1
    assert len(re.findall(rf"<\d+ x {kind}> @llvm\.fmuladd", text)) >= 3
    if dtype is np.float32:
        assert "double" not in text


def vectors() -> bool:
    """Whether the machine rounds vectors: from SSE4.1 on, and everywhere on 64-bit ARM."""
    features = llvm.get_host_cpu_features()
    return bool(features.get("sse4.1") or features.get("neon"))


@by_dtype
def test_a_sum_of_exponentials_is_vectorised(dtype: Any) -> None:
    exp = vmath.exp

    @numba.njit(**FLAGS)
    def total(x):  # type: ignore[no-untyped-def]
        result = x[0] * 0
        for i in range(x.size):
            result += exp(x[i])
        return result

    x = np.linspace(-3, 2, 1000).astype(dtype)
    assert total(x) == pytest.approx(
        float(np.sum(np.exp(x))), rel=1e-12 if dtype is np.float64 else 1e-5
    )
    (text,) = total.inspect_llvm().values()
    assert not vectors() or "fmuladd.v" in text


@by_dtype
def test_logaddexp(dtype: Any) -> None:
    logaddexp = vmath.logaddexp

    @numba.njit(**FLAGS)
    def run(x, y, out):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            out[i] = logaddexp(x[i], y[i])

    rng = np.random.default_rng(0)
    x = rng.uniform(-30, 30, 2000).astype(dtype)
    y = (x + rng.uniform(-3, 3, 2000) * 10.0 ** rng.integers(-3, 3, 2000)).astype(dtype)
    out = np.empty_like(x)
    run(x, y, out)
    for a, b, found in zip(x.tolist(), y.tolist(), out.tolist(), strict=True):
        high, low = CONTEXT.mpf(max(a, b)), CONTEXT.mpf(min(a, b))
        truth = high + CONTEXT.log1p(CONTEXT.exp(low - high))
        assert (
            error_of(found, truth, dtype, floor=max(abs(a), abs(b), 1))
            <= stated("logaddexp")[dtype is np.float32]
        )


def test_logaddexp_at_its_limits() -> None:
    inf, nan = math.inf, math.nan
    for a, b, expected in [
        (inf, inf, inf), (-inf, -inf, -inf), (inf, -inf, inf), (-inf, 1.5, 1.5), (inf, 1.5, inf), (nan, 1.0, nan),
        (nan, inf, nan), (1e308, -1e308, 1e308), (0.0, 0.0, math.log(2)),
    ]:  # fmt: skip
        np.testing.assert_array_equal(vmath.logaddexp(a, b), expected)
        np.testing.assert_array_equal(vmath.logaddexp(b, a), expected)
    assert vmath.logaddexp(1, 2) == vmath.logaddexp(1.0, 2.0)


@by_dtype
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_extremes_are_those_of_numpy(name: str, dtype: Any) -> None:
    inf, nan = math.inf, math.nan
    function, wanted = getattr(vmath, name), getattr(np, name)
    numbers = np.array([-inf, -1.5, 0.0, 2.0, inf, nan], dtype)
    for a in numbers:
        for b in numbers:
            np.testing.assert_array_equal(function(a, b), wanted(a, b))
    assert function(1, 2.5) == wanted(1, 2.5)


@by_dtype
def test_a_quotient_stays_whole(dtype: Any) -> None:
    far = np.array([1e-25 if dtype == np.float32 else 1e-200], dtype)
    quotient = vmath.quotient

    @numba.njit(**FLAGS)
    def run(x, y, out):  # type: ignore[no-untyped-def]
        for i in range(x.size):
            out[i] = quotient(quotient(x[i], y[0]) * x[i], y[0])

    out = np.empty_like(far)
    run(far, far, out)
    assert out == 1.0 and out.dtype == dtype and quotient(1, 2) == 0.5


def test_llvm_vectorises_the_extreme_of_an_array() -> None:
    maximum = vmath.maximum

    @numba.njit(**FLAGS)
    def top(x):  # type: ignore[no-untyped-def]
        result = -np.inf
        for i in range(x.size):
            result = maximum(result, x[i])
        return result

    x = np.sin(np.arange(1000.0))
    assert top(x) == np.max(x)
    x[777] = math.nan
    assert math.isnan(top(x))
    (text,) = top.inspect_llvm().values()
    assert not vectors() or "maximum.v" in text


@by_dtype
def test_polygamma(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(0, 20, 40), 2.0 ** rng.uniform(-15, 30, 40)]).astype(dtype)
    bound = stated("polygamma")[dtype is np.float32]
    for n in (1, 2, 3, 4):
        for v in x:
            truth = CONTEXT.polygamma(n, CONTEXT.mpf(float(v)))
            assert error_of(float(vmath.polygamma(n, v)), truth, dtype) <= bound, (n, v)
    assert vmath.polygamma(0, 2.5) == vmath.digamma(2.5)
    assert vmath.polygamma(1, -0.5) == pytest.approx(float(CONTEXT.polygamma(1, -0.5)), rel=1e-14)
    assert [vmath.polygamma(n, -2.0) for n in (1, 2)] == [math.inf, -math.inf]
    assert vmath.polygamma(1, math.inf) == 0.0
    assert math.isnan(vmath.polygamma(1, math.nan))


def test_parallel_loops_give_the_same() -> None:
    cos, exp = vmath.cos, vmath.exp

    @numba.njit(parallel=True, **FLAGS)
    def run(x, out):  # type: ignore[no-untyped-def]
        for i in numba.prange(x.size):
            out[i] = cos(exp(x[i]))

    x = np.linspace(-5, 20, 10_001)
    out = np.empty_like(x)
    run(x, out)
    np.testing.assert_array_equal(out, results("cos", results("exp", x)))


PROGRAM = """
import numba, numpy as np
from srcdiff.runtime.vmath import exp, lgamma, sin

@numba.njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp", "nsz"})
def run(x):
    total = 0.0
    for i in range(x.size):
        total += exp(x[i]) + sin(x[i]) + lgamma(x[i])
    return total

if __name__ == "__main__":
    import program
    total = program.run(np.append(np.linspace(-1.05, 1, 101), 1e7))
    print(repr(float(total)), sum(program.run.stats.cache_hits.values()))
"""


@pytest.mark.long
def test_callers_are_found_in_the_cache_by_another_process(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (first, missed), (second, hit) = (run_in(tmp_path, "program.py") for _ in range(2))
    assert first == second
    assert (missed, hit) == ("0", "1")


def run_in(folder: Path, program: str) -> list[str]:
    paths = [str(folder), str(Path(__file__).parents[2])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "NUMBA_CACHE_DIR": str(folder / "cache"),
    }
    command = [sys.executable, str(folder / program)]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
