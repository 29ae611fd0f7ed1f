"""Functions that are said with operations, one module per family; importing this package declares all of them."""

from srcdiff.ops.composites import (
    choosing,
    differences,
    linalg,
    numbers,
    polynomials,
    products,
    quantiles,
    rearranging,
    scipy_linalg,
    signals,
    sorting,
    statistics,
    ufuncs,
)

__all__ = [
    "choosing",
    "differences",
    "linalg",
    "numbers",
    "polynomials",
    "products",
    "quantiles",
    "rearranging",
    "scipy_linalg",
    "signals",
    "sorting",
    "statistics",
    "ufuncs",
]
