"""Index patterns: where the axes of index arrays stand in the result, for all patterns of four axes."""

from itertools import product

import numpy as np

from srcdiff.ops.core.index_patterns import arrays_in_front, has_arrays

X = np.zeros((2, 3, 4, 5))
WRITTEN = {":": slice(None), "b:": slice(1, None), "i": 0, "g": np.zeros(7, int)}
PATTERNS = [p for p in product(WRITTEN, repeat=4) if has_arrays(p)]


def test_axes_of_index_arrays_stand_where_numpy_has_them():
    for pattern in PATTERNS:
        shape = X[tuple(WRITTEN[item] for item in pattern)].shape
        first = min(k for k, item in enumerate(pattern) if item in ("i", "g"))
        assert shape.index(7) == (0 if arrays_in_front(pattern) else first), pattern
