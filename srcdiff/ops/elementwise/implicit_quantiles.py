"""Implicit reparameterisation: the derivatives of quantiles with respect to the parameters of their distribution, for
the rules of incomplete functions and of draws.

Such a derivative is itself differentiable with respect to the quantile, by the density. Derivatives with respect to
the parameters are refused. Generated code calls the functions of `runtime/quantile_paths.py`, as it calls functions
with a user's rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from srcdiff.ir.core import OpDecl
from srcdiff.ir.values import Attrs
from srcdiff.ops.core.registry import signature_of_rule
from srcdiff.ops.core.type_rules import floating

_FUNCTIONS = import_module(
    "srcdiff.runtime.quantile_paths"
)  # imported by name, because the runtime stands beside the layers


def _evaluated(function: Callable[..., object], operands: Sequence[object], attrs: Attrs) -> object:
    return function(*operands)


def _path(function: Callable[..., object]) -> Callable[[Any], OpDecl]:
    """The operation that calls a function and has this rule."""

    def register(rule: Any) -> OpDecl:
        return OpDecl(
            name=function.__name__,
            infer=floating,
            callables=(function,),
            signature=signature_of_rule(rule),
            defaults={},
            spelling=function.__name__,
            function=function,
            rule=rule,
            elementwise=True,
            adjoint="any",
            raises=True,
            cost="heavy",
            evaluate=partial(_evaluated, function),
        )

    return register


# dx/da = -(dF/da) / f has the derivative -(d log f / da) - (dx/da) (d log f / dx) with respect to x
@_path(_FUNCTIONS.gamma_path)
def gamma_path(a, x, digamma_next, *, out, d_out):
    score = np.log(x) - digamma_next + 1.0 / a
    d_x = -d_out * (score + out * ((a - 1.0) / x - 1.0))
    d_digamma_next = 0.0


@_path(_FUNCTIONS.beta_path)
def beta_path(a, b, x, digamma_next, digamma_sum, *, out, d_out):
    score = np.log(x) - digamma_next + 1.0 / a + digamma_sum
    d_x = -d_out * (score + out * ((a - 1.0) / x - (b - 1.0) / (1.0 - x)))
    d_digamma_next = 0.0
    d_digamma_sum = 0.0
