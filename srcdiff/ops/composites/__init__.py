"""Functions that are said with operations, one module per family; importing this package declares all of them."""

from srcdiff.ops.composites import (
    choosing,
    counting,
    counts,
    differences,
    distributions,
    linalg,
    numbers,
    polynomials,
    products,
    quantiles,
    rearranging,
    scipy_linalg,
    signals,
    sorting,
    special,
    statistics,
    ufuncs,
)

__all__ = [
    "choosing", "counting", "counts", "differences", "distributions", "linalg", "numbers", "polynomials",
    "products", "quantiles", "rearranging", "scipy_linalg", "signals", "sorting", "special", "statistics", "ufuncs",
]  # fmt: skip
