"""Elements that are loaded and stored in place: those that Numba loads and stores."""

import numpy as np
import pytest
from numba import njit

from srcdiff.numba_ext.passes.noalias_allocations import OwnStorage

in_place = njit(pipeline_class=OwnStorage)


def moved(x, y, i, j, k):
    y[i, j, k] = x[i, j, k]
    y[-1, 0, j - 5] = 2
    y[k, -j, 1] += x[-2, j, k] * x[0, 0, 0]
    row = x[i, j]
    row[-1] = row[0] + 1
    return y[-1, -1, -1] + len(row)


LAYOUTS = {
    "rows": lambda shape, dtype: np.zeros(shape, dtype),
    "columns": lambda shape, dtype: np.zeros(shape, dtype, order="F"),
    "strided": lambda shape, dtype: np.zeros([2 * n for n in shape], dtype)[::2, ::-2, ::2],
}


@pytest.mark.parametrize(
    ("layout", "dtype"), [("rows", "f8"), ("columns", "c16"), ("strided", "i4"), ("rows", "f4")]
)
def test_elements_are_those_of_numpy(layout, dtype):
    x, y, z = (LAYOUTS[layout]((3, 4, 5), dtype) for _ in range(3))
    x[...] = np.arange(60).reshape(3, 4, 5) % 7
    compiled, same = in_place(moved), x.copy()
    for i, j, k in ((0, 1, 2), (2, 3, 0), (-1, 0, 1), (1, 3, -1)):
        x[...] = same
        expected = moved(x, y, i, j, k), x.copy()
        x[...] = same
        assert compiled(x, z, i, j, k) == expected[0]
        np.testing.assert_array_equal(x, expected[1])
        np.testing.assert_array_equal(y, z)


def test_unsigned_subscripts_truth_values_and_what_is_no_number():
    def mixed(flags, starts, names):
        for i in range(len(flags)):
            flags[i] = not flags[np.uint64(i)]
            starts[np.int8(i)] = flags[i]
        return flags[0], names[1], starts[:2][-1]

    def arguments():
        return np.array([True, False, True]), np.zeros(3), ("a", "b")

    given, other = arguments(), arguments()
    assert in_place(mixed)(*given) == mixed(*other)
    for a, b in zip(given[:2], other[:2], strict=True):
        np.testing.assert_array_equal(a, b)


def test_less_is_compiled():
    def summed(x):
        total = 0.0
        for i in range(len(x)):
            total += x[i, 0] * x[i, 1] + x[i, 2] * x[i, 3]
        return total

    ours, numbas = in_place(summed), njit(summed)
    assert ours(np.ones((3, 4))) == numbas(np.ones((3, 4))) == 6.0
    (form,) = ours.overloads.values()
    assert "srcdiff_elements" in str(form.metadata["pipeline_times"])
