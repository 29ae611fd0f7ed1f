"""All that a batch allocates on the device keeps within its limit: items are copied and taken part by part."""

from __future__ import annotations

import re
import weakref
from typing import Any

import numpy as np
import pytest

import srcdiff
import srcdiff.cuda
from srcdiff.compile.arguments.pytree import leaves, map_leaves
from srcdiff.cuda.batch_memory import Needs, Split, places, split
from srcdiff.runtime.cuda import device_arrays
from srcdiff.runtime.cuda.numba_cuda_api import cuda, is_simulator

pytestmark = pytest.mark.skipif(not is_simulator(), reason="what is allocated is watched there")

N = 4
RNG = np.random.default_rng(8)
W, X, SCALE = RNG.normal(size=3), RNG.normal(size=(3, N)), RNG.normal(size=N)


def loss(w, x, scale):
    """With storage of a length that the run knows, and gradients of all kinds."""
    y = np.zeros(len(x))
    for i in range(1, len(x)):
        y[i] = np.tanh(y[i - 1] * w[i] + x[i] * scale)
    return np.sum(y**2)


AXES = (None, 1, 0)
GRADIENT = srcdiff.value_and_grad(loss, argnums=(0, 1, 2), jit=False)
EACH = [GRADIENT(W, X[:, i].copy(), float(SCALE[i])) for i in range(N)]


def expected(reduce: str | None) -> list[Any]:
    rows = [[*leaves(one)] for one in EACH]
    each = [np.stack(column) for column in zip(*rows, strict=True)]
    if reduce is None:
        return each
    first = [getattr(np, reduce)(e, axis=0) for e in each[:2]]
    return [*first, *(e / N if reduce == "mean" else e for e in each[2:])]


class Watched:
    """The bytes that are allocated on the device, now and at most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def note(self, array: Any, size: int) -> None:
        self.now += size
        self.most = max(self.most, self.now)
        memory = array._ary
        while isinstance(memory.base, np.ndarray):
            memory = memory.base
        weakref.finalize(memory, self._freed, size)

    def _freed(self, size: int) -> None:
        self.now -= size


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    seen, make = Watched(), device_arrays._made

    def made(call: Any, size: int) -> Any:
        array = make(call, size)
        seen.note(array, size)
        return array

    monkeypatch.setattr(device_arrays, "_made", made)
    return seen


def least(run: Any, *args: Any) -> int:
    """What one item needs, as the error says."""
    run.memory_limit = 1
    with pytest.raises(MemoryError) as caught:
        run(*args)
    found = re.search(r"needs (\d+) bytes on the device for one item", str(caught.value))
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("reduce", [None, "mean"])
@pytest.mark.parametrize("where", ["host", "device"])
def test_a_call_keeps_within_its_limit(
    threads: int, reduce: str | None, where: str, watched: Watched
) -> None:
    args = (W, X, SCALE)
    if where == "device":
        args = tuple(map(cuda.to_device, args))
    run = srcdiff.cuda.batched(GRADIENT, AXES, reduce, threads_per_item=threads)
    smallest = least(run, *args)
    watched.most = watched.now
    before = watched.now
    for limit in (smallest, 2 * smallest):
        run.memory_limit = limit
        watched.most = before
        found = run(*args)
        assert 0 < watched.most - before <= limit
        host = map_leaves(lambda a: a.copy_to_host() if where == "device" else a, found)
        for mine, own in zip(leaves(host), expected(reduce), strict=True):
            np.testing.assert_allclose(mine, own, rtol=1e-12, atol=1e-14)
        del found, host
    assert watched.now == before


def test_fewer_threads_and_launches_give_the_same_bits_for_the_same_limit() -> None:
    for limit in (600, 1000):
        run = srcdiff.cuda.batched(
            GRADIENT, AXES, "sum", memory_limit=limit, deterministic=True, threads_per_item=1
        )
        first, second = run(W, X, SCALE), run(W, X, SCALE)
        for a, b, own in zip(leaves(first), leaves(second), expected("sum"), strict=True):
            assert np.array_equal(a, b)
            np.testing.assert_allclose(a, own, rtol=1e-12)


def test_too_little_for_one_item_is_an_error_that_says_what_for() -> None:
    run = srcdiff.cuda.batched(GRADIENT, AXES, memory_limit=100)
    with pytest.raises(
        MemoryError, match=r"needs \d+ bytes on the device for one item: .* 100 are"
    ):
        run(W, X, SCALE)


@pytest.mark.parametrize("is_halved", [False, True])
@pytest.mark.parametrize("is_block", [False, True])
def test_splits_fit(is_block: bool, is_halved: bool) -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        needs = Needs(*(int(n) for n in rng.integers(0, [100, 200, 2000])))
        count, limit = int(rng.integers(1, 3000)), int(2 ** rng.uniform(4, 24))
        found = split(needs, count, limit, is_block, is_halved)
        if found is None:
            assert sum((needs.fixed, needs.item, needs.worker)) > limit
            continue
        taken = places(found.workers, is_block) * needs.worker
        assert 1 <= found.workers <= found.items <= count
        assert needs.fixed + found.items * needs.item + taken <= limit


def test_all_at_once_where_there_is_room() -> None:
    assert split(Needs(10, 8, 100), 1000, 1 << 20, False, False) == Split(1000, 1000)
    assert split(Needs(10, 8, 100), 1000, 1 << 16, False, False) == Split(1000, 512)
    assert split(Needs(10, 8, 100), 1000, 1 << 13, False, False).items < 1000  # type: ignore[union-attr]
