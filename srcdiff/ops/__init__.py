"""The operations, one module per family; importing this package declares all of them."""

from srcdiff.ops import (
    arithmetic,
    bessel,
    composites,
    containers,
    control,
    convolutions,
    creation,
    cross,
    diagonals,
    einsum,
    elementwise,
    factors,
    gamma_functions,
    integrals,
    joins,
    linalg,
    masks,
    memory,
    numbers,
    overlap,
    reductions,
    repeats,
    shapes,
    sorting,
    special,
    systems,
    triangles,
    waves,
)

__all__ = [
    "arithmetic", "bessel", "composites", "containers", "control", "convolutions", "creation", "cross", "diagonals",
    "einsum", "elementwise", "factors", "gamma_functions", "integrals", "joins", "linalg", "masks", "memory",
    "numbers", "overlap", "reductions", "repeats", "shapes", "sorting", "special", "systems", "triangles", "waves",
]  # fmt: skip
