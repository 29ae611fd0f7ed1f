"""A store of index sets: sets of columns, each represented by a number: 0 is the empty set, and `k + 1` holds column k
alone.

Each set is stored once, after all sets from which it was formed. So the set numbers of an array's elements form an
array of the same shape, which is indexed, reshaped and joined as the elements are. A union that adds nothing is the
larger of the two sets, which keeps programs with many operations on the same inputs small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse

Numbers = Any  # arrays of int64

_SMALL = 64  # a union of single numbers with more columns than this is deferred
_MOST_KNOWN = 100_000  # the number of unions of two sets that are memoised
_LAZY = 1 << 40  # the numbers of deferred unions begin here


class IndexSets:
    """The sets of one run, over `count` columns."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.columns = np.arange(count, dtype=np.int32 if count < 2**31 else np.int64)
        self.ends = np.concatenate(([0, 0], np.arange(1, count + 1)))  # of set k: ends[k+1]
        self.made = count + 1
        self.pairs: dict[tuple[int, int], int] = {}
        self.deferred: list[tuple[int, int]] = []  # deferred unions
        self.resolved: dict[int, int] = {}

    def union(self, a: int, b: int) -> int:
        """The union of two sets."""
        if a == b or b == 0:
            return a
        if a == 0:
            return b
        key = (a, b) if a < b else (b, a)
        found = self.pairs.get(key)
        if found is None:
            if len(self.pairs) == _MOST_KNOWN:
                self.pairs.clear()
            found = self.pairs[key] = self._joined(*key)
        return found

    def _joined(self, a: int, b: int) -> int:
        if b >= _LAZY or self._size(a) + self._size(b) > _SMALL:
            self.deferred.append((a, b))
            return _LAZY + len(self.deferred) - 1
        first, second = self._members(a), self._members(b)
        both = {*first, *second}
        if len(both) == len(first):
            return a
        if len(both) == len(second):
            return b
        used = self.ends.item(self.made)
        self.columns = _grown(self.columns, used, sorted(both))
        self.ends = _grown(self.ends, self.made + 1, (used + len(both),))
        self.made += 1
        return self.made - 1

    def _size(self, a: int) -> int:
        return int(self.ends.item(a + 1) - self.ends.item(a))

    def _members(self, a: int) -> list[int]:
        found: list[int] = self.columns[self.ends.item(a) : self.ends.item(a + 1)].tolist()
        return found

    def _append(self, columns: Numbers, sizes: Sequence[int] | Numbers) -> Numbers:
        """Numbers for new sets, whose columns are concatenated in `columns`."""
        used = int(self.ends[self.made])
        ends = used + np.cumsum(sizes)
        self.columns = _grown(self.columns, used, columns)
        self.ends = _grown(self.ends, self.made + 1, ends)
        self.made += len(ends)
        return np.arange(self.made - len(ends), self.made)

    # ---- many at once ------------------------------------------------------------------------------

    def rows(self, numbers: Numbers) -> Any:
        """The sets with these numbers as rows of a sparse boolean matrix."""
        numbers = self.settled(numbers)
        sizes = self.ends[numbers + 1] - self.ends[numbers]
        ends = np.concatenate(([0], np.cumsum(sizes)))
        places = np.arange(ends[-1]) + np.repeat(self.ends[numbers] - ends[:-1], sizes)
        filled = np.ones(len(places), dtype=bool)
        shape = (len(numbers), self.count)
        return scipy.sparse.csr_array((filled, self.columns[places], ends), shape=shape)

    def settled(self, numbers: Numbers) -> Numbers:
        """The same sets, all of them stored."""
        late = numbers >= _LAZY
        if not late.any():
            return numbers
        numbers = numbers.copy()
        wanted, inverse = np.unique(numbers[late], return_inverse=True)
        numbers[late] = np.array([self._settle(int(n)) for n in wanted])[inverse]
        return numbers

    def _settle(self, number: int) -> int:
        """Compute a deferred union, from all sets that it consists of."""
        if number in self.resolved:
            return self.resolved[number]
        seen, leaves, todo = {number}, set[int](), [number]
        while todo:
            for part in self.deferred[todo.pop() - _LAZY]:
                part = self.resolved.get(part, part)
                if part < _LAZY:
                    leaves.add(part)
                elif part not in seen:
                    seen.add(part)
                    todo.append(part)
        made = int(self.union_of(np.array(sorted(leaves))))
        self.resolved[number] = made
        return made

    def union_of(self, numbers: Numbers) -> Any:
        """The union of all these sets."""
        return self.along(numbers.reshape(1, -1), 1)[0] if numbers.size else 0

    def unions(self, a: Numbers, b: Numbers) -> Numbers:
        """Unions of the elements of two arrays, broadcast against each other."""
        a, b = np.broadcast_arrays(a, b)
        out = np.where(b == 0, a, np.where(a == 0, b, a))
        different = (a != b) & (a != 0) & (b != 0)
        if not different.any():
            return out
        first, second = self.settled(a[different]), self.settled(b[different])
        keys = np.minimum(first, second) * self.made + np.maximum(first, second)
        keys, inverse = np.unique(keys, return_inverse=True)
        out[different] = self._unions(keys // self.made, keys % self.made)[inverse]
        return out

    def _unions(self, first: Numbers, second: Numbers) -> Numbers:
        joined = self.rows(first) + self.rows(second)
        parts = np.stack((first, second), axis=1)
        return self._entered(joined, parts.ravel(), np.arange(0, parts.size + 1, 2))

    def along(self, numbers: Numbers, axis: int) -> Numbers:
        count = numbers.shape[axis]
        moved = np.moveaxis(numbers, axis, -1)
        if count <= 2:
            found = np.zeros(moved.shape[:-1], dtype=np.int64)
            for k in range(count):
                found = self.unions(found, moved[..., k])
            return found
        ends = np.arange(0, moved.size + 1, count)
        return self.grouped(moved.ravel(), ends).reshape(moved.shape[:-1])

    def grouped(self, numbers: Numbers, ends: Numbers) -> Numbers:
        """The unions of `numbers[ends[k]:ends[k+1]]`; no group is empty."""
        numbers = self.settled(numbers)
        used, inverse = np.unique(numbers, return_inverse=True)
        filled = np.ones(len(numbers), dtype=bool)
        which = scipy.sparse.csr_array((filled, inverse, ends), shape=(len(ends) - 1, len(used)))
        return self._entered(which @ self.rows(used), numbers, ends)

    def _entered(self, joined: Any, parts: Numbers, ends: Numbers) -> Numbers:
        """Numbers for unions of `parts`; if one part is as large as the union, it is the union."""
        joined.sort_indices()
        sizes = np.diff(joined.indptr)
        own = self.ends[parts + 1] - self.ends[parts]
        order = np.lexsort((own, np.repeat(np.arange(len(sizes)), np.diff(ends))))
        last = order[ends[1:] - 1]
        largest, is_new = parts[last], sizes != own[last]
        columns = joined.indices[np.repeat(is_new, sizes)]
        largest[is_new] = self._append(columns, sizes[is_new])
        return largest


def _grown(array: Numbers, used: int, more: Numbers) -> Numbers:
    """The array with `more` written after its used part; it is enlarged twofold if there is no room."""
    needed = used + len(more)
    if needed > len(array):
        array.resize(max(needed, 2 * used), refcheck=False)  # in place: the only reference
    array[used:needed] = more
    return array
