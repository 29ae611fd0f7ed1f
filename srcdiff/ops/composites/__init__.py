"""Functions that are said with operations, one module per family; importing this package declares all of them."""

from srcdiff.ops.composites import (
    choosing,
    differences,
    linalg,
    quantiles,
    rearranging,
    sorting,
    statistics,
)

__all__ = ["choosing", "differences", "linalg", "quantiles", "rearranging", "sorting", "statistics"]
