"""`ufunc.at`: elements of an array are changed one after the other, so that a repeated place is changed repeatedly."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.library.compile_time import array
from srcdiff.ops.library.numpy.select import written


def _at(ufunc, *samples):
    """Declare `ufunc.at(a, indices, b)`; `np.add.at` and `np.subtract.at` are operations of their own."""

    def at(a, indices, b=None):
        given = indices if isinstance(indices, tuple) else (indices,)
        if all(np.ndim(array(i)) == 0 for i in given):  # one place
            a[indices] = ufunc(a[indices]) if b is None else ufunc(a[indices], array(b))
            return
        places = tuple(_places(i) for i in given)
        if b is None:
            for k in range(places[0].shape[0]):
                place = tuple(p[k] for p in places)
                a[place] = ufunc(a[place])
        else:
            values = np.broadcast_to(array(b), a[places].shape)
            for k in range(places[0].shape[0]):
                place = tuple(p[k] for p in places)
                a[place] = ufunc(a[place], values[k])

    at.__name__ = f"{ufunc.__name__}_at"
    composite(ufunc.at, samples=samples, takes_complex=True)(at)


def _places(index):
    """The indices along one axis."""
    places = array(index)
    if isinstance(places, slice) or np.ndim(places) != 1:
        refuse("this ufunc's `at` takes index arrays with one axis here", "Write `a[i] = f(a[i])`.")
    if places.dtype == bool:
        return np.nonzero(places)[0]
    return places


_at(
    np.multiply,
    written("np.multiply.at(z, [1, 1, 0], y)", (3,), (3,)),
    written("np.multiply.at(z, np.array([1, 0, 1]), y)", (2, 3), (3,)),
    written("np.multiply.at(z, ([0, 1, 0], [2, 0, 2]), y)", (2, 3), (3,)),
    written("np.multiply.at(z, z > 0.0, 0.25)", (4,)),
    written("np.multiply.at(z, (1, -1), y)", (2, 3), ()),
)
_at(np.divide, written("np.divide.at(z, [1, 1, 0], y)", (3,), (3,), low=0.5))
_at(np.maximum, written("np.maximum.at(z, [0, 0, 2], y)", (3,), (3,)))
_at(np.minimum, written("np.minimum.at(z, [0, 0, 2], y)", (3,), (3,)))
_at(np.fmax, written("np.fmax.at(z, [0, 0, 2], y)", (3,), (3,)))
_at(np.fmin, written("np.fmin.at(z, [0, 0, 2], y)", (3,), (3,)))
_at(np.power, written("np.power.at(z, [1, 1], 2)", (3,)))
_at(np.logaddexp, written("np.logaddexp.at(z, [0, 0, 2], y)", (3,), (3,)))
_at(np.logaddexp2, written("np.logaddexp2.at(z, 1, y)", (3, 2), (2,)))
_at(np.hypot, written("np.hypot.at(z, [0, 0, 2], y)", (3,), (3,)))
_at(np.log, written("np.log.at(z, [0, 0, 2])", (3,), low=3.0, high=9.0))
for _ufunc in (
    np.negative,
    np.absolute,
    np.square,
    np.sqrt,
    np.reciprocal,
    np.exp,
    np.expm1,
    np.log1p,
    np.sin,
    np.cos,
    np.arctan,
    np.sinh,
    np.cosh,
    np.tanh,
):
    # a place that occurs twice gets the function applied twice
    _at(_ufunc, written(f"np.{_ufunc.__name__}.at(z, [0, 0, 2])", (3,), low=0.3, high=1.2))
