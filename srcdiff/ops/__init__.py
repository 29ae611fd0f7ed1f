"""The operations, one module per family; importing this package declares all of them."""

from srcdiff.ops import (
    arithmetic,
    containers,
    control,
    creation,
    diagonals,
    elementwise,
    joins,
    linalg,
    memory,
    numbers,
    overlap,
    reductions,
    repeats,
    shapes,
    special,
)

__all__ = [
    "arithmetic", "containers", "control", "creation", "diagonals", "elementwise", "joins", "linalg", "memory",
    "numbers", "overlap", "reductions", "repeats", "shapes", "special",
]  # fmt: skip
