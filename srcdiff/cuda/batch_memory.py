"""The device memory of a call over a batch: how many items each launch takes, and how many threads run them."""

from __future__ import annotations

from dataclasses import dataclass

BLOCK = 128  # threads of a block in which each thread takes items of its own
_MOST = 1 << 18  # threads: no device runs more at a time
_MOST_BLOCKS = 1 << 14


@dataclass(frozen=True)
class Needs:
    """Upper bounds of the bytes that a call allocates on the device.

    Attributes
    ----------
    fixed : int
        Bytes that do not depend on the split: shared arguments, sums, and results that stay on the device.
    item : int
        Bytes for each item of a launch: its part of the copied arguments, and its results.
    worker : int
        Bytes for each worker (a thread or a block): its storage, and its part of the sums.
    """

    fixed: int
    item: int
    worker: int


@dataclass(frozen=True)
class Split:
    """The number of items of each launch, and the number of workers (threads or blocks) that run them."""

    items: int
    workers: int


def places(workers: int, is_block: bool) -> int:
    """The number of parts of the storage: threads are launched in whole blocks."""
    if is_block or workers <= BLOCK:
        return workers
    return -(-workers // BLOCK) * BLOCK


def split(needs: Needs, count: int, limit: int, is_block: bool, is_halved: bool) -> Split | None:
    """All items at once, or as many as fit into `limit` bytes; None if the limit is too small for one item.

    The arguments and results of a launch's items get at most half of the room if they do not all fit, so that enough
    room is left for the storage of many threads.

    Parameters
    ----------
    is_block
        A block, rather than a thread, takes an item.
    is_halved
        The numbers are halved until they fit, rather than as large as possible. Then similar amounts of memory give the
        same numbers, and so the same sums.
    """
    room = limit - needs.fixed
    if needs.item + needs.worker > room:
        return None
    most = _MOST_BLOCKS if is_block else _MOST
    items = count = max(count, 1)
    if _bytes(needs, items, min(items, most), is_block) > room:
        items = _fitting(count, max(room // 2, needs.item), needs.item, is_halved)
        items = _fitting(items, room - needs.worker, needs.item, is_halved)
        if not is_halved:  # launches of about equal size
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
    """How many of `count` objects of this size have room; at least one."""
    if is_halved:
        while count > 1 and count * each > room:
            count = -(-count // 2)
        return count
    return max(1, min(count, room // each)) if each else count
