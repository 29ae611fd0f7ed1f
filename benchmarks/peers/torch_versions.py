"""PyTorch, eager: the objectives' own text over its functions, but for what writes in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from benchmarks.peers import Pair, as_tuple, rebound

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def _logsumexp(x: Any, axis: Any = None) -> Any:
    return torch.logsumexp(x, dim=tuple(range(x.ndim)) if axis is None else axis)


class _NumPy:
    """`torch` where a program says `np`: functions of plain numbers stay those of `math`."""

    pi = math.pi
    cross = staticmethod(torch.linalg.cross)

    @staticmethod
    def logaddexp(a: Any, b: Any) -> Any:
        return torch.logaddexp(torch.as_tensor(a), b)

    @staticmethod
    def triu_indices(n: int, offset: int) -> Any:
        return torch.triu_indices(n, n, offset)

    def __getattr__(self, name: str) -> Any:
        function = getattr(torch, name)
        plain = getattr(math, name, None)
        if plain is None:
            return function
        return lambda x: plain(x) if isinstance(x, float | int) else function(x)


LIKE_NUMPY = {"np": _NumPy(), "math": _NumPy(), "logsumexp": _logsumexp, "gammaln": torch.lgamma}


def columns(name: str, problem: Any, args: tuple[Any, ...]) -> dict[str, Pair]:
    function = FUNCTIONS.get(name)
    if function is None:
        function = rebound(problem.objective, **LIKE_NUMPY)
    wrt = as_tuple(problem.WRT)
    given = [_tensor(a, k in wrt) for k, a in enumerate(args)]
    leaves = [given[k].requires_grad_() for k in wrt]

    def value():
        with torch.no_grad():
            return function(*given)

    def gradient():
        out = function(*given)
        if name == "ba":
            return out.detach(), _blocks(out, leaves)
        return out.detach(), torch.autograd.grad(out, leaves)

    return {"PyTorch": (value, gradient)}


def _tensor(a: Any, active: bool) -> Any:
    return torch.as_tensor(a).clone() if active or isinstance(a, np.ndarray) else a


def _blocks(errors: Any, leaves: Any) -> Any:
    rows = []
    for k in range(2):
        parts = torch.autograd.grad(errors[:, k].sum(), leaves, retain_graph=True)
        rows.append(torch.column_stack(parts))
    return torch.stack(rows, dim=1)


def heat(u0, k, target, steps):
    u = u0
    for _ in range(steps):
        inner = u[1:-1] + k * (u[:-2] - 2.0 * u[1:-1] + u[2:])
        u = torch.cat((u[:1], inner, u[-1:]))
    return torch.sum((u - target) ** 2)


FUNCTIONS = {"heat": heat}
