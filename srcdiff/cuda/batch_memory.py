"""The device memory of a call over a batch: how many items a launch takes, and how many threads take them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BLOCK", "Needs", "Split", "places", "split"]

BLOCK = 128  # threads of a block, where each takes items of its own
_MOST = 1 << 18  # threads: more than that no device has at a time
_MOST_BLOCKS = 1 << 14


@dataclass(frozen=True)
class Needs:
    """Bytes that a call allocates on the device, at most.

    Attributes
    ----------
    fixed : int
        However the batch is split: what items share, what is added up, and results that stay there.
    item : int
        For each item of a launch: its part of what is copied there, and its results.
    worker : int
        For each thread, or block, that takes items: storage, and its part of what is added up.
    """

    fixed: int
    item: int
    worker: int


@dataclass(frozen=True)
class Split:
    """How many items each launch takes, and how many threads, or blocks, take them."""

    items: int
    workers: int


def places(workers: int, is_block: bool) -> int:
    """How many parts storage has: threads come in whole blocks."""
    if is_block or workers <= BLOCK:
        return workers
    return -(-workers // BLOCK) * BLOCK


def split(needs: Needs, count: int, limit: int, is_block: bool, is_halved: bool) -> Split | None:
    """All items at once, or as many as keep within `limit` bytes; None where it is too little for one item.

    Arguments and results of the items of a launch get at most half of the room, where not all of it is theirs, so that
    there are threads enough to take them.

    Parameters
    ----------
    is_block
        A block takes an item, and not a thread.
    is_halved
        Numbers are halved until they fit, and not as large as they may be: about as much memory gives the same ones,
        and so the same sums.
    """
    room = limit - needs.fixed
    if needs.item + needs.worker > room:
        return None
    most = _MOST_BLOCKS if is_block else _MOST
    items = count = max(count, 1)
    if _bytes(needs, items, min(items, most), is_block) > room:
        items = _fitting(count, max(room // 2, needs.item), needs.item, is_halved)
        items = _fitting(items, room - needs.worker, needs.item, is_halved)
        if not is_halved:  # in launches of about the same size
            items = -(-count // -(-count // items))
    workers = min(items, most)
    left = room - items * needs.item
    if places(workers, is_block) * needs.worker > left:
        workers = _fitting(workers, left, needs.worker, is_halved)
        if is_halved:
            while places(workers, is_block) * needs.worker > left:
                workers = -(-workers // 2)
        elif workers > BLOCK and not is_block:
            workers = workers // BLOCK * BLOCK
    return Split(items, workers)


def _bytes(needs: Needs, items: int, workers: int, is_block: bool) -> int:
    return items * needs.item + places(workers, is_block) * needs.worker


def _fitting(count: int, room: int, each: int, is_halved: bool) -> int:
    """How many of `count` things of so many bytes have room, at least one."""
    if is_halved:
        while count > 1 and count * each > room:
            count = -(-count // 2)
        return count
    return max(1, min(count, room // each)) if each else count
