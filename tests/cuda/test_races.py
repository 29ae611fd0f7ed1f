"""Races: where each thread has its own items, no thread accesses another's writes, and none leaves its arrays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cuda.device_programs import PROGRAMS
from watched_threads import Block, Watched

import srcdiff
import srcdiff.cuda
from srcdiff.cuda import launch as module
from srcdiff.cuda.batch_memory import Split
from srcdiff.runtime.cuda.numba_cuda_api import is_simulator

pytestmark = pytest.mark.skipif(not is_simulator(), reason="watches the simulator's arrays")
THREADS = 2


class Bounded(Watched):
    """An array that has no places before its first element, as on a device."""

    def note(self, place: Any, kind: str) -> None:
        for k in place if isinstance(place, tuple) else (place,):
            assert k >= 0, f"{self.name}[{place}] is before the array"
        super().note(place, kind)

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        if isinstance(found, Watched):
            return Bounded(self.block, self.name, found.data, found.base, found.ids)
        return found


class Noting:
    """Runs a kernel's text thread after thread, since there are no barriers, and notes who touches what."""

    def __init__(self, source: str, name: str, bindings: Any) -> None:
        self.block = Block(THREADS)
        local = self.block.local
        own = vars(self.block.cuda)
        cuda = SimpleNamespace(**own, grid=lambda _: local.thread, gridsize=lambda _: THREADS)
        self.names = {**bindings, "cuda": cuda}
        exec(source.replace("from numba import cuda\n", ""), self.names)
        self.kernel = self.names[name]

    def __getitem__(self, how: Any) -> Any:
        return self.run

    def run(self, *args: Any) -> None:
        given = [
            Bounded(self.block, f"argument {k}", a._ary) if hasattr(a, "_ary") else a
            for k, a in enumerate(args)
        ]
        self.block.local.epoch = 0
        for self.block.local.thread in range(THREADS):
            with np.errstate(all="ignore"):
                self.kernel(*given)


def noted(program: Any, monkeypatch: pytest.MonkeyPatch, reduce: str | None) -> tuple[Any, Any]:
    """The result of three items by two threads, and who raced."""
    args = program.arguments(np.random.default_rng(4))
    g = srcdiff.value_and_grad(program.function, argnums=program.argnums, jit=False)
    run = srcdiff.cuda.batched(g, program.axes, reduce, threads_per_item=1)
    expected = run(*args)
    kernel = run.latest
    assert kernel is not None
    noting = Noting(kernel.source, f"{kernel.program.name}_batch", kernel.program.bindings)
    monkeypatch.setattr(kernel, "function", noting)
    monkeypatch.setattr(module, "split", lambda *_: Split(3, THREADS))
    found = run(*args)
    for mine, own in zip(
        srcdiff.compile.arguments.pytree.leaves(found),
        srcdiff.compile.arguments.pytree.leaves(expected),
        strict=True,
    ):
        np.testing.assert_allclose(mine, own, rtol=1e-12)
    return noting.block, kernel


WATCHED = ("runge_kutta", "looked_up", "kepler", "eliminated", "edit_distance", "box_counts")


@pytest.mark.parametrize("reduce", [None, "sum"])
@pytest.mark.parametrize("program", [p for p in PROGRAMS if repr(p) in WATCHED], ids=repr)
def test_threads_do_not_race(
    program: Any, reduce: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    block, _ = noted(program, monkeypatch, reduce)
    assert block.touched
    assert not block.races


def test_a_race_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = (p for p in PROGRAMS if repr(p) == "looked_up")
    before = Noting.__init__

    def shared(self: Any, source: str, name: str, bindings: Any) -> None:
        before(self, source.replace(", thread]", ", 0]"), name, bindings)

    monkeypatch.setattr(Noting, "__init__", shared)
    block, _ = noted(program, monkeypatch, "sum")  # one thread after the other, so sums are right
    assert any("one writes, another" in race for race in block.races)
