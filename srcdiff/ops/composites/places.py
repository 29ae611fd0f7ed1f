"""What composites ask of Python while a function is read: places along axes."""

from __future__ import annotations

from typing import Any

from srcdiff.ops.registry import evaluated

__all__ = ["along"]


@evaluated
def along(ndim: int, axis: int, *bounds: Any) -> tuple[slice, ...]:
    """The subscript of a slice along one axis: `along(3, 1, 2, None)` is `[:, 2:]`."""
    return (slice(None),) * (axis % ndim) + (slice(*bounds),)
