"""The prelude: builtins, methods of lists and `itertools` as Python, which the frontend reads in their place.

No annotations: the functions are read for the types of each call, and generated code may show their names.
"""

# ruff: noqa: B905

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

# ---- positions of an iterator: operations, which `iterators` reads ---------------------------------------------------


def size(items: Any) -> Any:
    """How many items an iterator has altogether."""


def counted_on(items: object) -> object:
    """The position of the next item, after which the iterator stands behind that item; at the end, the number of items.

    It advances whether there is an item or not, so that passes see a counter.
    """


def item_at(items: object, k: object) -> Any:
    """The item at a position that has an item."""


# ---- iterators ----


def applied(function, items):
    for item in items:
        yield function(item)


def counted(items, start=0):
    k = start
    for item in items:
        yield k, item
        k += 1


def next_of(items):
    k = counted_on(items)
    if k >= size(items):
        raise StopIteration
    return item_at(items, k)


def next_or(items, default):
    k = counted_on(items)
    return item_at(items, k) if k < size(items) else default


# ---- itertools ----


def each_of(iterables):
    for items in iterables:
        yield from items


def neighbours(items):
    rest = iter(items)
    k = counted_on(rest)
    if k < size(rest):
        before = item_at(rest, k)
        for item in rest:
            yield before, item
            before = item


def first_of(items):
    k = counted_on(items)
    if k < size(items):
        yield item_at(items, k)


def firsts_of(items, stop):
    for _ in range(stop):
        k = counted_on(items)
        if k < size(items):
            yield item_at(items, k)


def spread(function, items):
    for item in items:
        yield function(*item)


def running(items, function, initial):
    total = initial
    yield total
    for item in items:
        total = function(total, item)
        yield total


def running_from_first(items, function):
    rest = iter(items)
    k = counted_on(rest)
    if k < size(rest):
        total = item_at(rest, k)
        yield total
        for item in rest:
            total = function(total, item)
            yield total


def running_of(items, function):
    total = None
    for item in items:
        total = item if total is None else function(total, item)
        yield total


def while_true(holds, items):
    for item in items:
        if not holds(item):
            break
        yield item


def all_pairs(firsts, seconds):
    for a in firsts:
        for b in seconds:
            yield a, b


def all_rows(firsts, rest):
    for a in firsts:
        for row in itertools.product(*rest):
            yield a, *row


# ---- containers ----


def numbered_1(a):
    for i in range(a.shape[0]):
        yield (i,), a[i]


def numbered_2(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            yield (i, j), a[i, j]


def numbered_3(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(a.shape[2]):
                yield (i, j, k), a[i, j, k]


def numbers_1(n):
    for i in range(n):
        yield (i,)


def numbers_2(n, m):
    for i in range(n):
        for j in range(m):
            yield i, j


def numbers_3(n, m, length):
    for i in range(n):
        for j in range(m):
            for k in range(length):
                yield i, j, k


def largest_by(items, key):
    best = items[0]
    score = key(best)
    for item in items[1:]:
        other = key(item)
        if other > score:
            best = item
            score = other
    return best


def smallest_by(items, key):
    best = items[0]
    score = key(best)
    for item in items[1:]:
        other = key(item)
        if other < score:
            best = item
            score = other
    return best


def best_or(items, key, best, default):
    return best(items, key) if len(items) > 0 else default


def in_order(items, key):
    scores = np.array([key(item) for item in items])
    return [items[k] for k in np.argsort(scores, kind="stable")]


def in_falling_order(items, key):
    scores = np.array([key(item) for item in items])
    return [items[k] for k in np.argsort(-1 * scores, kind="stable")]


def insert_item(items, position, item):
    items.append(item)
    place = len(items) - 1
    if position < 0:
        position = max(position + place, 0)
    while place > position:
        items[place] = items[place - 1]
        place -= 1
    items[place] = item


def pop_item(items, position):
    if position < 0:
        position += len(items)
    if position < 0 or len(items) <= position:
        raise IndexError("pop index out of range")
    item = items[position]
    for place in range(position, len(items) - 1):
        items[place] = items[place + 1]
    items.pop()
    return item


def repeated_items(items, times):
    found = []
    for _ in range(times):
        found.extend(items)
    return found


def number_list(values):
    return [float(value) for value in values]


def put_between(items, start, stop, given):
    n = len(items)
    start = max(start + n, 0) if start < 0 else min(start, n)
    stop = max(stop + n, start) if stop < 0 else max(stop, start)
    new = list(given)
    rest = [items[k] for k in range(stop, n)]
    for _ in range(start, n):
        items.pop()
    items.extend(new)
    items.extend(rest)


def put_after(items, start, given):
    n = len(items)
    start = max(start + n, 0) if start < 0 else min(start, n)
    new = list(given)
    for _ in range(start, n):
        items.pop()
    items.extend(new)


def product(items, start=1):
    total = start
    for item in items:
        total = total * item
    return total


def distance(p, q):
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(p, q)))


def item_of(position, items):
    return items[position]


def items_of(*positions_and_items):
    """`itemgetter` of several positions; `prelude_calls` reads its calls."""


def all_of(items):
    for item in items:  # noqa: SIM110 - which would be read by this
        if not item:
            return False
    return True


def any_of(items):
    for item in items:  # noqa: SIM110
        if item:
            return True
    return False


def better_of(best, other, key):
    return other if key(other) > key(best) else best


def worse_of(best, other, key):
    return other if key(other) < key(best) else best


def filtered(holds, items):
    for item in items:
        if holds(item):
            yield item


def true_ones(items):
    for item in items:
        if item:
            yield item


def first_or(items, default):
    return items[0] if len(items) > 0 else default


itself = lambda item: item
