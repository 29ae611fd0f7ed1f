"""Methods of ufuncs: `np.add.reduce`, `np.multiply.outer`, `np.add.reduceat`, and calls with `where=` or `dtype=`."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.library.compile_time import array, in_dtype

# ---- reduce --------------------------------------------------------------------------------------


def _reduces(ufunc, function, *samples, wrt=None):
    """Declare `ufunc.reduce` as another function along the first axis."""

    def reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=None, where=True):
        if dtype is not None:
            refuse("this ufunc's method takes no dtype= here", "Use astype before.")
        if initial is None and where is True:
            return function(array, axis=axis, keepdims=keepdims)
        if initial is None:
            return function(array, axis=axis, keepdims=keepdims, where=where)
        return function(array, axis=axis, keepdims=keepdims, where=where, initial=initial)

    name = ufunc.__name__
    reduce.__name__ = f"{name}_reduce"
    first = call(f"np.{name}.reduce(x)", (2, 3), wrt=wrt)
    more = call(f"np.{name}.reduce(x, axis=1, keepdims=True)", (2, 3), wrt=wrt)
    composite(ufunc.reduce, samples=(first, more, *samples), takes_complex=True)(reduce)


_reduces(np.add, np.sum, call("np.add.reduce(x, axis=None, initial=1.0)", (2, 3)))
_reduces(np.multiply, np.prod, call("np.multiply.reduce(x, axis=(0, 1))", (2, 3)))
_reduces(np.maximum, np.max)
_reduces(np.minimum, np.min)
_reduces(np.logical_and, np.all, wrt=())
_reduces(np.logical_or, np.any, wrt=())
_reduces(np.fmax, np.nanmax, call("np.fmax.reduce(x)", [[1.0, np.nan], [np.nan, 2.0]], avoid="NaN"))
_reduces(np.fmin, np.nanmin)


# ---- outer ---------------------------------------------------------------------------------------


def _has_outer(ufunc, *samples):
    """Declare `ufunc.outer` for two arrays with any numbers of axes."""

    def outer(a, b):
        # Python numbers become arrays too: they are not weak here
        a, b = np.asarray(a), np.asarray(b)
        if np.ndim(a) == 0 or np.ndim(b) == 0:
            return ufunc(a, b)
        return ufunc(a[(..., *((None,) * b.ndim))], b)

    name = ufunc.__name__
    outer.__name__ = f"{name}_outer"
    own = samples or (call(f"np.{name}.outer(x, y)", (2,), (3,)),)
    composite(ufunc.outer, samples=own, takes_complex=True)(outer)


for _ufunc in (
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.maximum,
    np.minimum,
    np.fmax,
    np.fmin,
    np.logaddexp,
    np.logaddexp2,
    np.hypot,
    np.arctan2,
    np.copysign,
):
    _has_outer(_ufunc)
for _comparison in (np.less, np.greater, np.equal):
    _has_outer(_comparison, call(f"np.{_comparison.__name__}.outer(x, y)", (2,), (3,), wrt=()))
_has_outer(np.power, call("np.power.outer(x + 3.0, y)", (2, 2), (3,)))


# ---- reduceat --------------------------------------------------------------------------------------


def _has_reduceat(ufunc, function):
    """Declare `ufunc.reduceat`: a reduction from each place up to the next; a single element if that range is empty."""

    def reduceat(array, indices, axis=0, dtype=None, out=None):
        if dtype is not None:
            refuse("this ufunc's method takes no dtype= here", "Use astype before.")
        rows = np.moveaxis(array, axis, 0) if axis != 0 else array
        places = np.asarray(indices)
        found = np.empty((len(places), *rows.shape[1:]), rows.dtype)
        for k in range(len(places)):
            start = places[k]
            if start < 0 or start >= len(rows):
                raise IndexError("a place that is reduced from is out of bounds")
            end = places[k + 1] if k + 1 < len(places) else len(rows)
            found[k] = function(rows[start : max(end, start + 1)], axis=0)
        return np.moveaxis(found, 0, axis) if axis != 0 else found

    name = ufunc.__name__
    reduceat.__name__ = f"{name}_reduceat"
    samples = (
        call(f"np.{name}.reduceat(x, [0, 2, 1])", (4,)),
        call(f"np.{name}.reduceat(x, y, axis=1)", (2, 5), [0, 3, 3, 1]),
    )
    composite(ufunc.reduceat, samples=samples, takes_complex=True)(reduceat)


_has_reduceat(np.add, np.sum)
_has_reduceat(np.multiply, np.prod)
_has_reduceat(np.maximum, np.max)
_has_reduceat(np.minimum, np.min)
_has_reduceat(np.fmax, np.nanmax)
_has_reduceat(np.fmin, np.nanmin)
_has_reduceat(np.subtract, np.subtract.reduce)
_has_reduceat(np.logaddexp, np.logaddexp.reduce)
_has_reduceat(np.logaddexp2, np.logaddexp2.reduce)


# ---- where ---------------------------------------------------------------------------------------


@composite(
    samples=(
        call("np.add(x, y, dtype=np.float64)", (3,), [1, 2, 3], wrt=(0,)),
        call("np.exp(x, dtype=float)", (2,)),
    ),
    takes_complex=True,
)
def ufunc_dtype(ufunc, dtype, *args):
    """A ufunc whose operands are first converted to a dtype."""
    if not any(np.ndim(array(a)) > 0 for a in args):
        refuse("a ufunc of numbers takes no dtype= here", "Convert the numbers.")
    return ufunc(*(in_dtype(array(a), dtype) for a in args))


@composite(
    samples=(
        call("np.add(x, y, where=x > 0.0, out=np.zeros(4))", (4,), (4,)),
        call("np.log(x, where=x > 0.0, out=np.full((2, 3), -1.0))", (2, 3)),
        call(
            "np.divide(x, y, where=y != 0.0, out=np.zeros((2, 3)))",
            (2, 3),
            [1.0, 0.0, 2.0],
            wrt=(0,),
        ),
    ),
    takes_complex=True,
)
def ufunc_where(ufunc, where, out, *args):
    """A ufunc on the elements where `where` is True; it is not computed for the others."""
    if out is None:
        refuse("a ufunc with where= leaves elements unset", "Give out= an array that is set.")
    places = np.nonzero(np.broadcast_to(where, out.shape))
    parts = tuple(np.broadcast_to(a, out.shape)[places] if np.ndim(a) > 0 else a for a in args)
    out[places] = ufunc(*parts)
    return out
