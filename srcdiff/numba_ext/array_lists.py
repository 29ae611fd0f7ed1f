"""Lists of arrays as arguments of compiled code: the elements of all arrays in one row, and the shapes.

`xs = list(xs)` in generated code makes a list of views of that row. The number of arrays is not part of the type. It is
part of the type of a tuple, so each length would be compiled anew, and 300 arrays take a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba.core import cgutils, types
from numba.extending import (
    NativeValue,
    make_attribute_wrapper,
    models,
    overload,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.unsafe.ndarray import to_fixed_tuple


class ArrayList:
    """Arrays with one dtype and the same number of axes.

    Attributes
    ----------
    row : array
        The elements of all, one after the other.
    shapes : (arrays, axes) array of int
    """

    def __init__(self, arrays: Sequence[Any], dtype: str, axes: int) -> None:
        whole = [np.ravel(x) for x in arrays]
        self.row = np.concatenate(whole, dtype=dtype) if whole else np.empty(0, dtype)
        self.shapes = np.array([x.shape for x in arrays], np.int64).reshape(len(whole), axes)


class ArrayListType(types.Type):
    """Numba's type of an `ArrayList`."""

    def __init__(self, row: types.Array, shapes: types.Array, axes: int) -> None:
        self.row, self.shapes, self.axes = row, shapes, axes
        super().__init__(name=f"ArrayList({row.dtype}, {axes}d)")


@typeof_impl.register(ArrayList)
def _typeof(value: ArrayList, c: object) -> ArrayListType:
    row, shapes = typeof_impl(value.row, c), typeof_impl(value.shapes, c)
    return ArrayListType(row, shapes, value.shapes.shape[1])


@register_model(ArrayListType)
class _Model(models.StructModel):
    def __init__(self, manager: object, type_: ArrayListType) -> None:
        super().__init__(manager, type_, [("row", type_.row), ("shapes", type_.shapes)])


make_attribute_wrapper(ArrayListType, "row", "row")
make_attribute_wrapper(ArrayListType, "shapes", "shapes")


@unbox(ArrayListType)
def _unbox(type_: ArrayListType, given: Any, c: Any) -> NativeValue:
    made = cgutils.create_struct_proxy(type_)(c.context, c.builder)
    for name in ("row", "shapes"):
        part = c.pyapi.object_getattr_string(given, name)
        setattr(made, name, c.unbox(getattr(type_, name), part).value)
        c.pyapi.decref(part)
    is_error = cgutils.is_not_null(c.builder, c.pyapi.err_occurred())
    return NativeValue(made._getvalue(), is_error=is_error)


@overload(list)
def _list(
    xs: Any,
) -> Callable[..., object] | None:  # Numba compares the annotation with that of `views`
    if not isinstance(xs, ArrayListType):
        return None
    axes = xs.axes

    def views(xs: Any) -> Any:
        found: Any = []
        start = 0
        for k in range(len(xs.shapes)):
            shape: Any = to_fixed_tuple(xs.shapes[k], axes)  # type: ignore[call-arg]
            size = 1
            for n in shape:
                size *= n
            end = start + size
            found.append(xs.row[start:end].reshape(shape))
            start = end
        return found

    return views
