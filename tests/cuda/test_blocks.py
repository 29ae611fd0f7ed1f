"""Blocks of threads: a block computes an item with the result of one thread, and without races."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import watched_threads
from corpus_loader import Program, load
from scipy.special import logsumexp
from watched_threads import watched_run

import srcdiff
import srcdiff.cuda
from srcdiff.compile.arguments.pytree import leaves
from srcdiff.cuda.device_program import build_device
from srcdiff.errors import UnsupportedError
from srcdiff.runtime import blocks
from srcdiff.runtime.cuda.numba_cuda_api import cuda, device_problem

RNG = np.random.default_rng(5)


def by_threads(g: Any, args: Any, count: int = 3, block: Any = "atomic") -> tuple[Any, int]:
    """What threads find, which do not race, and how many loops they share."""
    program = build_device(
        g.derived, g.signature.bind(args, {}, frozenset()), raises=False, block=block
    )
    found, races, failed = watched_run(program, args, count)
    assert not races, f"{races[:3]}\n{program.source}"
    assert not failed
    return found, len(program.iterations)


def agree(g: Any, args: Any, found: Any) -> None:
    for mine, own in zip(found, leaves(g(*args)), strict=True):
        if own is None:  # an integer field's gradient
            assert mine is None
            continue
        np.testing.assert_allclose(mine, own, rtol=1e-10, atol=1e-12)


# ---- the corpus ----------------------------------------------------------------------------------

# programs whose loops are shared out in many ways; the others are looked at in the slow tests
FAST = {
    "argument_written_in_place", "convolution_loops", "counted_writes", "crf_log_likelihood", "gather_repeated", "heat",
    "inplace_recurrence", "logistic_regression", "softmax_cross_entropy", "steps_and_strides",
}  # fmt: skip


def corpus_case(program: Program, block: str) -> None:
    g = srcdiff.value_and_grad(
        program.function, argnums=program.wrt, on_independent="ignore", jit=False
    )
    try:
        found, _ = by_threads(g, program.arguments(0), block=block)
    except UnsupportedError as reason:
        pytest.skip(f"no kernel: {reason.message}")
    agree(g, program.arguments(0), found)


@pytest.mark.parametrize("program", [p for p in load("all") if p.name in FAST], ids=repr)
def test_some_programs_of_the_corpus(program: Program) -> None:
    corpus_case(program, "atomic")


@pytest.mark.slow
@pytest.mark.parametrize("block", ["atomic", "ordered"])
@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_all_programs_of_the_corpus(program: Program, block: str) -> None:
    corpus_case(program, block)


# ---- what threads share -------------------------------------------------------------------------


def log_Z(log_pi, log_A, log_B, data):
    log_alpha = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def heat(u, rate, steps):
    u = u.copy()
    for _ in range(steps):
        new = u.copy()
        for i in range(1, len(u) - 1):
            new[i] = u[i] + rate * (u[i - 1] - 2 * u[i] + u[i + 1])
        u = new
    return np.sum(u**2)


def scattered(x, place):
    counts = np.zeros(4)
    for i in range(len(x)):
        counts[place[i]] += x[i] ** 2
    return np.sum(counts**3)


def logistic(w, X, y):
    z = X @ w
    return np.sum(np.logaddexp(0.0, z) - y * z)


K, S, T, N = 5, 4, 3, 2
MODEL = RNG.normal(size=K), RNG.normal(size=(K, K)), RNG.normal(size=(K, S))
GRADIENT = srcdiff.value_and_grad(log_Z, argnums=(0, 1, 2), jit=False)
DATA = RNG.integers(0, S, (N, T))


@pytest.mark.parametrize("block", ["atomic", "ordered"])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_sequences(count: int, block: str) -> None:
    args = (*MODEL, DATA[0])
    found, shared = by_threads(GRADIENT, args, count, block)
    agree(GRADIENT, args, found)
    assert shared >= 10  # the buffers of messages change places


def test_stencils_add_atomically_or_in_order() -> None:
    g = srcdiff.value_and_grad(heat, argnums=(0, 1), jit=False)
    args = RNG.normal(size=9), 0.1, 3
    for block in ("atomic", "ordered"):
        found, _ = by_threads(g, args, block=block)
        agree(g, args, found)
    sources = [source(g, args, block) for block in ("atomic", "ordered")]
    assert ["cuda.atomic.add" in text for text in sources] == [True, False]
    assert "block_first" in sources[1]  # the first thread passes on the sum of its loop


def test_places_that_data_say() -> None:
    g = srcdiff.value_and_grad(scattered, jit=False)
    args = RNG.normal(size=10), RNG.integers(0, 4, 10)
    for block in ("atomic", "ordered"):
        found, _ = by_threads(g, args, block=block)
        agree(g, args, found)


def energy(x, m):
    e = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            if i != j:
                r2 = 0.01
                for k in range(3):
                    r2 += (x[i, k] - x[j, k]) ** 2
                e -= m[i] * m[j] / np.sqrt(r2)
    return e


def test_errors_of_iterations_are_raised_after_their_loop() -> None:
    g = srcdiff.value_and_grad(energy, argnums=(0, 1), jit=False)
    x, m = RNG.normal(size=(5, 3)), RNG.normal(size=5)
    found, shared = by_threads(g, (x, m))
    agree(g, (x, m), found)
    assert shared == 1
    assert "failure = block_maxi(failure)" in source(g, (x, m))
    fewer = m[:4].copy()
    program = build_device(
        g.derived, g.signature.bind((x, fewer), {}, frozenset()), raises=False, block="atomic"
    )
    _, races, failed = watched_run(program, (x, fewer), 3)
    assert not races
    assert program.failures[failed - 1][0] is IndexError


def test_iterations_that_fail_in_loops_and_branches() -> None:
    def f(x, place, scale):
        total = 0.0
        for i in range(len(x)):
            part = x[i] * scale[1]
            for j in range(2):
                part += scale[place[i, j]] * x[i]
            if part > 0.5:
                total += np.sin(part) + scale[place[i, 0]]
            else:
                total -= part
        return total

    g = srcdiff.value_and_grad(f, argnums=(0, 2), jit=False)
    args = RNG.normal(size=7), RNG.integers(0, 3, (7, 2)), RNG.normal(size=3)
    found, shared = by_threads(g, args)
    agree(g, args, found)
    assert shared
    args[1][5, 1] = 3
    program = build_device(
        g.derived, g.signature.bind(args, {}, frozenset()), raises=False, block="atomic"
    )
    _, races, failed = watched_run(program, args, 3)
    assert not races
    assert program.failures[failed - 1][0] is IndexError


def source(g: Any, args: Any, block: Any = "atomic") -> str:
    bound = g.signature.bind(args, {}, frozenset())
    return build_device(g.derived, bound, raises=False, block=block).source


def test_the_text_is_what_one_would_write() -> None:
    g = srcdiff.value_and_grad(logistic, jit=False)
    text = source(g, (RNG.normal(size=200), RNG.normal(size=(100, 200)), RNG.normal(size=100)))
    assert text.partition("    # forward\n")[2] == TEXT


TEXT = """\
    for i in range(cuda.threadIdx.x, len(X), cuda.blockDim.x):
        value = 0.0
        for j in range(len(w)):
            value += X[i, j] * w[j]
        z[i] = value
    value_1 = 0.0
    for i in range(cuda.threadIdx.x, len(X), cuda.blockDim.x):
        d_z[i] = expit(z[i]) - y[i]
        value_1 += logaddexp(0.0, z[i]) - y[i] * z[i]
    result = block_sum(value_1)

    # backward
    for i in range(cuda.threadIdx.x, len(w), cuda.blockDim.x):
        d_s = 0.0
        for j in range(len(X)):
            d_s += X[j, i] * d_z[j]
        d_w[i] += d_s
    return result
"""


@pytest.mark.parametrize("block", ["atomic", "ordered"])
def test_without_barriers_there_are_races(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    g = srcdiff.value_and_grad(heat, argnums=(0, 1), jit=False)
    monkeypatch.setattr(watched_threads, "BARRIER", "nothing")
    with pytest.raises(AssertionError, match=r"one reads, another writes it"):
        by_threads(g, (RNG.normal(size=9), 0.1, 3), 4, block)


def test_what_an_item_raises() -> None:
    bound = GRADIENT.signature.bind((*MODEL, np.array([0, 9])), {}, frozenset())
    program = build_device(GRADIENT.derived, bound, raises=False, block="atomic")
    _, _, failed = watched_run(program, (*MODEL, np.array([0, 9])), 3)
    error, message = program.failures[failed - 1]
    assert error is IndexError and "out of bounds for log_B" in message


# ---- batches --------------------------------------------------------------------------------------

simulated = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")


BATCH = srcdiff.value_and_grad(logistic, argnums=(0, 1), jit=False)
W, X, Y = RNG.normal(size=4), RNG.normal(size=(N, 5, 4)), RNG.normal(size=(N, 5))


def run(threads: Any, reduce: str | None = None, **options: Any) -> Any:
    batch = srcdiff.cuda.batched(BATCH, (None, 0, 0), reduce, threads_per_item=threads, **options)
    return batch(W, X, Y), batch


@simulated
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_batches(reduce: str | None) -> None:
    each = [[*leaves(BATCH(W, x, y))] for x, y in zip(X, Y, strict=True)]
    expected = [np.stack(parts) for parts in zip(*each, strict=True)]
    if reduce is not None:
        expected[0], expected[1] = (getattr(np, reduce)(e, axis=0) for e in expected[:2])
        expected[2] /= N if reduce == "mean" else 1
    found, batch = run(4, reduce)
    assert "a block takes every" in batch.source
    for mine, own in zip(leaves(found), expected, strict=True):
        assert np.shape(mine) == np.shape(own)
        np.testing.assert_allclose(mine, own, rtol=1e-12, atol=1e-14)


@simulated
def test_fewer_blocks_take_several_items_each_and_give_the_same_bits() -> None:
    options = {"deterministic": True, "memory_limit": 1500}
    (first, _), (second, _) = run(2, "sum", **options), run(2, "sum", **options)
    expected, _ = run(1, "sum")
    for a, b, own in zip(leaves(first), leaves(second), leaves(expected), strict=True):
        assert np.array_equal(a, b)
        np.testing.assert_allclose(a, own, rtol=1e-12, atol=1e-14)


@simulated
@pytest.mark.parametrize(("threads", "width"), [(1, 256), (2, 256), (8, 256), (8, 2)])
def test_reductions(threads: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_WIDTH", width)  # more threads than that share the loop

    @cuda.jit
    def reduce(x, out):
        t = cuda.threadIdx.x
        out[0, t], out[1, t] = blocks.block_sum(x[t]), blocks.block_max(x[t])
        out[2, t], out[3, t] = blocks.block_min(x[t]), blocks.block_first(x[t])

    for x in (RNG.normal(size=threads), np.append(RNG.normal(size=threads - 1), np.nan)):
        out = cuda.to_device(np.zeros((4, threads)))
        reduce[1, threads](cuda.to_device(x), out)
        for row, expected in zip(
            out.copy_to_host(), (x.sum(), x.max(), x.min(), x[0]), strict=True
        ):
            np.testing.assert_allclose(row, expected, rtol=1e-14)


def test_items_with_much_storage_are_for_blocks() -> None:
    def rows(x, w):
        y = x.copy()
        for _ in range(3):
            y = np.sin(y) * w
        return np.sum(y)

    batch = srcdiff.cuda.batched(srcdiff.grad(rows), (0, None))
    assert "cuda.threadIdx.x" not in batch.source_for(np.ones((2, 100)), 0.5)
    assert "cuda.threadIdx.x" in batch.source_for(np.ones((2, 3000)), 0.5)
    assert [k.block for ks in batch.kernels.values() for k in ks] == [256, None]
    sooner = srcdiff.cuda.batched(srcdiff.grad(rows), (0, None), large_item=1000)
    assert "cuda.threadIdx.x" in sooner.source_for(np.ones((2, 100)), 0.5)
    with pytest.raises(ValueError, match="large_item=-1: expected a number of bytes"):
        srcdiff.cuda.batched(srcdiff.grad(rows), large_item=-1)
    with pytest.raises(ValueError, match="power of two"):
        srcdiff.cuda.batched(srcdiff.grad(rows), threads_per_item=96)


@simulated
def test_reductions_of_several_types_do_not_share_memory() -> None:
    @cuda.jit
    def reduce(x, n, out):
        t = cuda.threadIdx.x
        is_large = blocks.block_firstb(x[t] > 100.0)
        out[t] = blocks.block_sum(x[t]) + blocks.block_sumi(n[t]) + blocks.block_first(x[t])
        out[t] += 1000.0 if is_large else 0.0

    x, n, out = np.array([0.25, 0.5]), np.array([1, 2]), cuda.to_device(np.zeros(2))
    reduce[1, 2](cuda.to_device(x), cuda.to_device(n), out)
    np.testing.assert_array_equal(out.copy_to_host(), [4.0, 4.0])
