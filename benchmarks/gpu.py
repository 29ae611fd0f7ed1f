"""Batched kernels on a CUDA device, beside hand-written ones and JAX: checked, timed, and printed as a table.

    python benchmarks/gpu.py            # on a machine with a GPU: a few minutes
    NUMBA_ENABLE_CUDASIM=1 python benchmarks/gpu.py --quick     # the checks only, without one: a minute or two

Each row is value and gradient of every item; a second table has steps of loops that stay on the device
(`gpu_loops.py`), beside NumPyro, dynamax and Warp. All columns of a row are timed in this process, on arrays that are
on the device already; figures are medians. What a kernel takes of the device is behind its row: registers, local
memory and spills, occupancy, and the bytes that it has to move beside what a copy reaches. A column that fails says
why, and the others go on; the exit status is 1 then.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numba import cuda
from scipy.special import logsumexp

import srcdiff
from srcdiff.cuda.batch_axes import Items
from srcdiff.cuda.launch import item_bytes
from srcdiff.runtime.cuda.numba_cuda_api import device_problem, is_simulator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.gpu_loops import LOOPS, Loop
from benchmarks.kernel_resources import occupancy, resources

ROUNDS = 1 if is_simulator() else 7  # its times say nothing


# ---- problems: written for one item, as on the CPU ----------------------------------------------


def log_Z(log_pi, log_A, log_B, symbols):
    log_alpha = log_pi + log_B[:, symbols[0]]
    for y in symbols[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def potential(x, charges):
    e = 0.0
    for i in range(len(x)):
        for j in range(i):
            r2 = 0.01
            for k in range(3):
                r2 += (x[i, k] - x[j, k]) ** 2
            e += charges[i] * charges[j] / math.sqrt(r2)
    return e


def mixture(logits, means, log_scales, y):
    z = (y - means) / np.exp(log_scales)
    return logsumexp(logits - logsumexp(logits) + np.sum(-0.5 * z**2 - log_scales, axis=1))


@dataclass
class Problem:
    """One row: what is differentiated, its arguments, and how others compute the same."""

    name: str
    function: Callable[..., Any]
    argnums: tuple[int, ...]
    in_axes: tuple[int | None, ...]
    args: tuple[Any, ...]
    reduce: str | None = None
    by_hand: Callable[..., Any] | None = None
    in_jax: Callable[..., Any] | None = None
    found: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: bool = False

    def attempt(self, column: str, run: Callable[[], object]) -> None:
        attempt(self, column, run)


def attempt(row: Problem | Loop, column: str, run: Callable[[], object]) -> None:
    """A part of a row; the others go on where it fails."""
    try:
        run()
    except Exception as error:  # out of memory, a compiler that is not there, a wrong result
        row.failed = True
        message = " ".join(str(error).split())
        row.notes.append(f"{column}: {type(error).__name__}: {message[:200]}")


def hmm(dtype: Any, quick: bool, few: int = 0) -> Problem:
    count, T, K, S = (5, 6, 3, 4) if quick else (few or 16_384, 1000, 16, 32)
    rng = np.random.default_rng(0)
    model = [np.log(rng.dirichlet(np.ones(n), m)) for n, m in ((K, 1), (K, K), (S, K))]
    model[0] = model[0][0]
    data = rng.integers(0, S, (count, T))
    args = (*(a.astype(dtype) for a in model), data)
    name = f"hmm N={count} T={T} K={K} {np.dtype(dtype).name}"
    axes = (None, None, None, 0)
    return Problem(name, log_Z, (0, 1, 2), axes, args, by_hand=hmm_by_hand, in_jax=hmm_in_jax)


def bodies(dtype: Any, quick: bool, few: int = 0) -> Problem:
    count, n = (3, 4) if quick else (few or 65_536, 24)
    rng = np.random.default_rng(1)
    x, charges = rng.normal(size=(count, n, 3)).astype(dtype), rng.random(n).astype(dtype)
    name = f"n-body N={count} n={n} {np.dtype(dtype).name}"
    return Problem(name, potential, (0,), (0, None), (x, charges), in_jax=bodies_in_jax)


def gmm(dtype: Any, quick: bool, few: int = 0) -> Problem:
    count, d, k = (5, 2, 3) if quick else (few or 1_000_000, 10, 25)
    rng = np.random.default_rng(2)
    model = (rng.normal(size=k), rng.normal(size=(k, d)), 0.1 * rng.normal(size=(k, d)))
    args = (*model, rng.normal(size=(count, d)))
    name = f"mixture N={count} d={d} k={k} {np.dtype(dtype).name}"
    axes = (None, None, None, 0)
    typed = tuple(a.astype(dtype) for a in args)
    return Problem(name, mixture, (0, 1, 2), axes, typed, "sum", in_jax=gmm_in_jax)


# ---- by hand: sixteen threads a sequence, messages in shared memory ----------------------------------


def hand_written(K: int, rows: int, real: Any) -> Any:
    """The kernel for K states, and so many sequences a block."""
    low = real(-np.inf)

    @cuda.jit
    def kernel(log_pi, log_A, log_B, data, messages, value, d_pi, d_A, d_B):
        alpha = cuda.shared.array((rows, K), real)
        beta = cuda.shared.array((rows, K), real)
        row, k = cuda.threadIdx.y, cuda.threadIdx.x
        n = cuda.blockIdx.x * rows + row
        is_mine = n < data.shape[0]
        column, counts = cuda.local.array(K, real), cuda.local.array(K, real)
        for i in range(K):
            column[i], counts[i] = log_A[i, k], real(0)
        if is_mine:
            alpha[row, k] = log_pi[k] + log_B[k, data[n, 0]]
        for t in range(1, data.shape[1]):
            cuda.syncthreads()
            new = low
            if is_mine:
                messages[n, t - 1, k] = alpha[row, k]
                top = low
                for i in range(K):
                    top = max(top, alpha[row, i] + column[i])
                total = real(0)
                for i in range(K):
                    total += math.exp(alpha[row, i] + column[i] - top)
                new = math.log(total) + top + log_B[k, data[n, t]]
            cuda.syncthreads()
            if is_mine:
                alpha[row, k] = new
        cuda.syncthreads()
        if is_mine:
            top, total = low, real(0)
            for i in range(K):
                top = max(top, alpha[row, i])
            for i in range(K):
                total += math.exp(alpha[row, i] - top)
            log_z = math.log(total) + top
            if k == 0:
                value[n] = log_z
            beta[row, k] = math.exp(alpha[row, k] - log_z)
        for i in range(K):
            column[i] = log_A[k, i]
        for t in range(data.shape[1] - 1, 0, -1):
            cuda.syncthreads()
            if is_mine:  # alpha: what the messages at t were normalised by
                d_B[n, k, data[n, t]] += beta[row, k]
                alpha[row, k] -= log_B[k, data[n, t]]
            cuda.syncthreads()
            mine, d = low, real(0)
            if is_mine:
                mine = messages[n, t - 1, k]
                for j in range(K):
                    d_score = math.exp(mine + column[j] - alpha[row, j]) * beta[row, j]
                    counts[j] += d_score
                    d += d_score
            cuda.syncthreads()
            if is_mine:
                alpha[row, k], beta[row, k] = mine, d
        cuda.syncthreads()
        if is_mine:
            d_B[n, k, data[n, 0]] += beta[row, k]
            d_pi[n, k] = beta[row, k]
            for j in range(K):
                d_A[n, k, j] = counts[j]

    return kernel


def hmm_by_hand(log_pi: Any, log_A: Any, log_B: Any, data: Any) -> Callable[[], Any]:
    """A launch of the hand-written kernel for these device arrays."""
    K, rows = log_pi.shape[0], max(1, 128 // log_pi.shape[0])
    (count, T), S = data.shape, log_B.shape[1]
    kernel = hand_written(K, rows, np.dtype(log_pi.dtype).type)
    shapes = ((count, T, K), (count,), (count, K), (count, K, K))
    messages, value, d_pi, d_A = (cuda.device_array(s, log_pi.dtype) for s in shapes)
    zeros = np.zeros((count, K, S), log_pi.dtype)
    d_B = cuda.to_device(zeros)
    launch = kernel[-(-count // rows), (K, rows)]

    def run() -> Any:
        d_B.copy_to_device(zeros) if is_simulator() else _cleared(d_B)
        launch(log_pi, log_A, log_B, data, messages, value, d_pi, d_A, d_B)
        return value, (d_pi, d_A, d_B)

    return run


@cuda.jit
def _clear(flat: Any) -> None:
    for k in range(cuda.grid(1), len(flat), cuda.gridsize(1)):
        flat[k] = 0


def _cleared(array: Any) -> None:
    _clear[1024, 256](array.reshape(array.size))


# ---- JAX --------------------------------------------------------------------------------------------


def hmm_in_jax(jax: Any) -> Callable[..., Any]:
    from jax.scipy.special import logsumexp as jax_logsumexp

    def log_likelihood(log_pi: Any, log_A: Any, log_B: Any, symbols: Any) -> Any:
        def step(alpha: Any, y: Any) -> Any:
            return jax_logsumexp(alpha[:, None] + log_A, axis=0) + log_B[:, y], None

        last, _ = jax.lax.scan(step, log_pi + log_B[:, symbols[0]], symbols[1:])
        return jax_logsumexp(last)

    gradient = jax.value_and_grad(log_likelihood, argnums=(0, 1, 2))
    return jax.jit(jax.vmap(gradient, in_axes=(None, None, None, 0)))  # type: ignore[no-any-return]


def bodies_in_jax(jax: Any) -> Callable[..., Any]:
    def energy(x: Any, charges: Any) -> Any:
        i, j = np.tril_indices(x.shape[0], -1)
        r2 = 0.01 + jax.numpy.sum((x[i] - x[j]) ** 2, axis=1)
        return jax.numpy.sum(charges[i] * charges[j] / jax.numpy.sqrt(r2))

    gradient = jax.value_and_grad(energy, argnums=(0,))
    return jax.jit(jax.vmap(gradient, in_axes=(0, None)))  # type: ignore[no-any-return]


def gmm_in_jax(jax: Any) -> Callable[..., Any]:
    from jax.scipy.special import logsumexp as jax_logsumexp

    def total(logits: Any, means: Any, log_scales: Any, ys: Any) -> Any:
        z = (ys[:, None] - means) / jax.numpy.exp(log_scales)
        terms = jax.nn.log_softmax(logits) + jax.numpy.sum(-0.5 * z**2 - log_scales, axis=2)
        return jax.numpy.sum(jax_logsumexp(terms, axis=1))

    return jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2)))  # type: ignore[no-any-return]


# ---- checks and times -------------------------------------------------------------------------------


def flat(tree: Any) -> list[Any]:
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in flat(part)]
    return [np.asarray(tree.copy_to_host() if hasattr(tree, "copy_to_host") else tree)]


def agree(name: str, found: Any, expected: Any, dtype: Any) -> None:
    rtol = 1e-3 if dtype == np.float32 else 1e-8
    for a, b in zip(flat(found), flat(expected), strict=True):
        scale = rtol * max(1.0, float(np.max(np.abs(b))))
        np.testing.assert_allclose(a, b, rtol=rtol, atol=scale, err_msg=name)


def on_cpu(problem: Problem, items: int) -> Any:
    """The first items, one after the other."""
    g = srcdiff.value_and_grad(problem.function, argnums=problem.argnums, jit=False)
    rows = []
    for i in range(items):
        pairs = zip(problem.args, problem.in_axes, strict=True)
        rows.append(flat(g(*(a if axis is None else a[i] for a, axis in pairs))))
    return [np.stack(column) for column in zip(*rows, strict=True)]


def milliseconds(run: Callable[[], Any], wait: Callable[[Any], Any]) -> float:
    wait(run())
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        wait(run())
        times.append(time.perf_counter() - started)
    return 1e3 * sorted(times)[len(times) // 2]


def measure(problem: Problem, jax: Any, copied: float) -> None:
    """All columns of a row; `copied`: bytes that a copy moves in a second."""
    dtype = np.dtype(problem.args[0].dtype)
    given = [cuda.to_device(a) for a in problem.args]
    g = srcdiff.value_and_grad(problem.function, argnums=problem.argnums)
    batch = srcdiff.cuda.batched(g, problem.in_axes, problem.reduce)
    found = batch(*given)
    pairs = [*zip(problem.args, problem.in_axes, strict=True)]
    items = min(4, *(a.shape[0] for a, axis in pairs if axis == 0), 4)
    first = [a if axis is None else a[:items] for a, axis in pairs]
    expected = on_cpu(problem, items)
    agree(problem.name, srcdiff.cuda.batched(g, problem.in_axes)(*first), expected, dtype)
    wait = lambda _: None if is_simulator() else cuda.synchronize()
    problem.found["srcdiff"] = milliseconds(lambda: batch(*given), wait)

    def other(name: str, threads: int) -> None:
        run = srcdiff.cuda.batched(g, problem.in_axes, problem.reduce, threads_per_item=threads)
        agree(f"{problem.name}, {name} an item", run(*given), found, dtype)
        problem.found[name] = milliseconds(lambda: run(*given), wait)

    def by_hand() -> None:
        assert problem.by_hand is not None
        run = problem.by_hand(*given)
        agree(f"{problem.name}, by hand", run(), found, dtype)
        problem.found["by hand"] = milliseconds(run, wait)

    def in_jax() -> None:
        assert problem.in_jax is not None
        run, arrays = problem.in_jax(jax), [jax.numpy.asarray(a) for a in problem.args]
        agree(f"{problem.name}, JAX", run(*arrays), found, dtype)
        problem.found["JAX"] = milliseconds(lambda: run(*arrays), jax.block_until_ready)

    problem.attempt("registers", lambda: problem.notes.extend(taken(batch)))
    problem.attempt("bytes", lambda: problem.notes.append(moved(problem, batch, found, copied)))
    problem.attempt("a thread", lambda: other("a thread", 1))
    problem.attempt("a block", lambda: other("a block", 4 if is_simulator() else 32))
    if problem.by_hand is not None:
        problem.attempt("by hand", by_hand)
    if jax is not None and problem.in_jax is not None:
        problem.attempt("JAX", in_jax)


def taken(batch: Any) -> list[str]:
    """What a compiled kernel takes of a multiprocessor."""
    if is_simulator():
        return []
    function, device = batch.latest.function, cuda.get_current_device()
    registers = max(function.get_regs_per_thread().values())
    local = max(function.get_local_mem_per_thread().values())
    shared = max(function.get_shared_mem_per_block().values())
    threads = batch.latest.block or 128
    share = occupancy(threads, registers, shared, limits(device))
    notes = [f"{registers} registers, {local} bytes of local memory", f"occupancy {share:.0%}"]
    found = [resources(text, device.compute_capability) for text in function.inspect_asm().values()]
    spilled = [r.spilled for r in found if r is not None]
    return [*notes, f"{max(spilled)} bytes spilled" if spilled else "spills: no ptxas here"]


def limits(device: Any) -> dict[str, int]:
    """What a multiprocessor has."""
    return {
        "threads": device.MAX_THREADS_PER_MULTIPROCESSOR,
        "blocks": device.MAX_BLOCKS_PER_MULTIPROCESSOR,
        "registers": device.MAX_REGISTERS_PER_MULTIPROCESSOR,
        "shared": device.MAX_SHARED_MEMORY_PER_MULTIPROCESSOR,
    }


def moved(problem: Problem, batch: Any, found: Any, copied: float) -> str:
    """The bytes that have to be moved at least: arguments and results once, storage there and back."""
    items = Items(batch.handle, problem.args, problem.in_axes)
    own = sum(a.nbytes for a, axis in zip(problem.args, problem.in_axes, strict=True) if axis == 0)
    storage = items.count * item_bytes(batch.latest.program, items) - own
    total = sum(a.nbytes for a in problem.args) + sum(a.nbytes for a in flat(found)) + 2 * storage
    if is_simulator():
        return f"{total / 1e3:.3g} kB to move"
    rate = total / (1e-3 * problem.found["srcdiff"])
    return f"{total / 1e9:.3g} GB to move, at {rate / copied:.0%} of a copy's speed"


def copy_speed() -> float:
    """Bytes a second that a copy on the device reads and writes."""
    if is_simulator():
        return 1.0
    one = cuda.device_array(1 << 28, np.float32)
    other = cuda.device_array_like(one)
    took = milliseconds(lambda: other.copy_to_device(one), lambda _: cuda.synchronize())
    return 2.0 * float(one.nbytes) / (1e-3 * took)


def load_jax() -> tuple[Any, str]:
    """JAX, if it can use what the kernels use; and a remark about it."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else it takes most memory
    try:
        import jax
    except ImportError:
        return None, "JAX is not installed: its column is empty."
    jax.config.update("jax_enable_x64", True)
    try:
        backend = jax.default_backend()
    except Exception as error:  # a plugin that does not go with the driver
        return None, f"JAX {jax.__version__} does not start ({error}): its column is empty."
    if backend != "gpu" and not is_simulator():
        return None, f"JAX {jax.__version__} finds no GPU, but {backend}: its column is empty."
    return jax, f"JAX {jax.__version__} on {backend}."


def device_name() -> str:
    if is_simulator():
        return "Numba's simulator, whose times say nothing of a device"
    name = cuda.get_current_device().name  # bytes, where Numba itself asks the driver
    return name.decode() if isinstance(name, bytes) else str(name)


def table(rows: list[Problem]) -> str:
    compared = ("a thread", "a block", "by hand", "JAX")
    lines = [f"| value and gradient | srcdiff | {' | '.join(compared)} | |", f"|---|{'---:|' * 5}---|"]  # fmt: skip
    for row in rows:
        own = row.found.get("srcdiff")
        if own is None:
            lines.append(f"| {row.name} | | | | | | {'; '.join(row.notes)} |")
            continue
        others = (f"{row.found[k] / own:.2f}" if k in row.found else "" for k in compared)
        lines.append(f"| {row.name} | {own:.3g} ms | {' | '.join(others)} | {'; '.join(row.notes)} |")  # fmt: skip
    return "\n".join(lines)


def measure_loop(row: Loop, jax: Any) -> None:
    """A loop, and what a library needs for the same step on the same device."""
    row.check()
    wait = lambda _: None if is_simulator() else cuda.synchronize()
    row.found["srcdiff"] = milliseconds(row.step, wait)
    if is_simulator():
        return
    if jax is None and row.library != "Warp":
        row.notes.append(f"{row.library} is not timed: JAX has no GPU here")
        return

    def beside() -> None:
        step, wait = row.in_library()
        row.found[row.library] = milliseconds(step, wait)

    try:
        beside()
    except ImportError as error:
        row.notes.append(f"{row.library} is not installed ({error.name})")


def loop_row(name: str, quick: bool, jax: Any) -> Loop:
    """A row of the second table, measured; where its arrays find no room, a row that says so."""
    try:
        row = LOOPS[name](quick)
    except Exception as error:
        print(f"{name} ...", flush=True)
        message = f"{type(error).__name__}: {str(error)[:200]}"
        nothing = lambda: None
        return Loop(
            name, nothing, nothing, "", lambda: (nothing, nothing), notes=[message], failed=True
        )  # type: ignore[arg-type, return-value]
    print(f"{row.name} ...", flush=True)
    attempt(row, "srcdiff", lambda: measure_loop(row, jax))
    return row


def loop_table(rows: list[Loop]) -> str:
    """What a step takes, how many there are in a second, and how much longer a library takes."""
    lines = ["| a step on the device | srcdiff | steps a second | library | |", "|---|---:|---:|---:|---|"]  # fmt: skip
    for row in rows:
        own, other = row.found.get("srcdiff"), row.found.get(row.library)
        times = f"{own:.3g} ms | {1e3 / own:.3g}" if own else "|"
        beside = f"{row.library} {other / own:.2f}" if own and other else row.library
        lines.append(f"| {row.name} | {times} | {beside} | {'; '.join(row.notes)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="tiny sizes: for the checks")
    parser.add_argument("--only", default="", help="names of problems, with commas")
    options = parser.parse_args()
    problem = device_problem()
    if problem is not None:
        raise SystemExit(f"{problem[0]}. {problem[1]}")
    jax, message = load_jax()
    makers = {"hmm": hmm, "n-body": bodies, "mixture": gmm}
    wanted = options.only.split(",") if options.only else [*makers, *LOOPS]
    dtypes = (np.float32, np.float64)
    rows = [makers[n](dtype, options.quick) for n in wanted if n in makers for dtype in dtypes]
    loops: list[Loop] = []
    copied = copy_speed()
    for row in rows:
        print(f"{row.name} ...", flush=True)
        row.attempt("srcdiff", lambda row=row: measure(row, jax, copied))
    for name in wanted:
        if name in LOOPS:
            loops.append(loop_row(name, options.quick, jax))
    speed = "" if is_simulator() else f"; a copy moves {copied / 1e12:.3g} TB/s"
    print(f"\n{device_name()}{speed}; multiples of srcdiff's time. {message}\n")
    print(table(rows), loop_table(loops), sep="\n\n")
    if any(row.failed for row in (*rows, *loops)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
