"""The public names of constraints: sets in which values and parameters may lie, with bijectors from R^n onto these
sets.
"""

from srcdiff.vi.distributions.supports.matrix import (
    corr_cholesky,
    lower_cholesky,
    positive_definite,
)
from srcdiff.vi.distributions.supports.scalar import (
    Constraint,
    at_least,
    between,
    boolean,
    circular,
    greater_than,
    integer_greater_than,
    integer_interval,
    interval,
    less_than,
    nonnegative,
    nonnegative_integer,
    positive,
    positive_integer,
    real,
    sign,
    unit_interval,
)
from srcdiff.vi.distributions.supports.vector import (
    independent,
    multinomial,
    one_hot,
    positive_vector,
    real_matrix,
    real_vector,
    simplex,
)

__all__ = [
    "Constraint", "at_least", "between", "boolean", "circular", "corr_cholesky", "greater_than", "independent",
    "integer_greater_than", "integer_interval", "interval", "less_than", "lower_cholesky", "multinomial",
    "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer",
    "positive_vector", "real", "real_matrix", "real_vector", "sign", "simplex", "unit_interval",
]  # fmt: skip
