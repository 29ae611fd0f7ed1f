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
    if name in OWN:
        return {"PyTorch": OWN[name](problem, args)}
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


def _kmeans(problem: Any, args: tuple[Any, ...]) -> Pair:
    points, centroids = map(torch.as_tensor, args)

    def objective(c):
        distances = torch.sum(c**2, dim=1) - 2.0 * (points @ c.T)
        return torch.sum((points - c[torch.argmin(distances, dim=1)]) ** 2)

    def direction():
        c = centroids.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(objective(c), c, create_graph=True)
        (curvature,) = torch.autograd.grad(gradient.sum(), c)
        return None, gradient.detach() / curvature

    return lambda: objective(centroids), direction


def _slopes_of(function: Any) -> Any:
    """A function's derivatives by numbers, for graphs that are differentiated again."""
    return lambda *args: torch.autograd.grad(function(*args), args, create_graph=True)


def _nested(function: Any, wrt: tuple[int, ...], args: tuple[Any, ...]) -> Pair:
    def both():
        given = [torch.tensor(a, requires_grad=True) for a in args]
        value = function(*given)
        found = torch.autograd.grad(value, [given[k] for k in wrt])
        return value.detach(), found if len(wrt) > 1 else found[0]

    # the slopes of the potential are derivatives, so a value takes a graph, too
    return lambda: function(*[torch.tensor(a, requires_grad=True) for a in args]).detach(), both


def _particle(problem: Any, args: tuple[Any, ...]) -> Pair:
    slopes = _slopes_of(rebound(problem.potential, **LIKE_NUMPY))

    def both(x, y, w):
        x, y = (torch.as_tensor(t).requires_grad_() for t in (x, y))
        return slopes(x, y, w)[:2]

    return _nested(problem.flight_of(both), (0,), args)


def _saddle(problem: Any, args: tuple[Any, ...]) -> Pair:
    slopes = _slopes_of(problem.height)
    space = {**problem.top_of.__globals__, **LIKE_NUMPY}
    top_of = type(problem.top_of)(problem.top_of.__code__, space)
    return _nested(top_of(lambda *at: slopes(*at)[2:]), (0, 1), args)


def _hand(problem: Any, args: tuple[Any, ...]) -> Pair:
    theta, us, (parents, *model, is_mirrored), _, triangles, measured = args
    theta, us, measured = map(torch.as_tensor, (theta, us, measured))
    base_relatives, inverses, base, weights = map(torch.as_tensor, model)
    triangles = torch.as_tensor(triangles)

    def rotations(theta):
        none, one = torch.zeros((), dtype=theta.dtype), torch.ones((), dtype=theta.dtype)
        xs, zs = [none] * len(parents), [none] * len(parents)
        for finger in range(problem.FINGERS):
            first, k = 2 + 4 * finger, 6 + 4 * finger
            xs[first], zs[first] = theta[k], theta[k + 1]
            xs[first + 1], xs[first + 2] = theta[k + 2], theta[k + 3]
        x, z = torch.stack(xs), torch.stack(zs)
        sx, cx, sz, cz = torch.sin(x), torch.cos(x), torch.sin(z), torch.cos(z)
        none, one = torch.zeros_like(x), torch.ones_like(x)
        rows = [[cz, -sz * cx, sz * sx, none], [sz, cz * cx, -cz * sx, none]]
        rows += [[none, sx, cx, none], [none, none, none, one]]
        return torch.stack([torch.stack(row, 1) for row in rows], 1)

    def turned(angle_axis):
        angle = torch.sqrt(torch.sum(angle_axis**2))
        x, y, z = angle_axis / angle
        none, n = torch.zeros_like(x), angle_axis / angle
        cross = torch.stack([none, -z, y, z, none, -x, -y, x, none]).reshape(3, 3)
        c = torch.cos(angle)
        outer = (1.0 - c) * torch.outer(n, n)
        return c * torch.eye(3) + outer + torch.sin(angle) * cross

    def residuals(theta, us):
        relatives = base_relatives @ rotations(theta)
        found: list[Any] = []
        for k in range(len(parents)):
            found.append(relatives[k] if parents[k] < 0 else found[parents[k]] @ relatives[k])
        transforms = torch.stack(found) @ inverses
        moved = torch.einsum("kij,vj,vk->vi", transforms[:, :3], base, weights)
        if is_mirrored:
            moved = moved * torch.tensor([-1.0, 1.0, 1.0])
        corners = (moved @ turned(theta[:3]).T + theta[3:6])[triangles]
        third = 1.0 - us[:, :1] - us[:, 1:]
        at = us[:, :1] * corners[:, 0] + us[:, 1:] * corners[:, 1] + third * corners[:, 2]
        return (measured - at).ravel()

    def jacobian():
        first = torch.zeros_like(us)
        first[:, 0] = 1.0
        of_place = [
            torch.func.jvp(lambda u: residuals(theta, u), (us,), (along,))[1]
            for along in (first, 1.0 - first)
        ]
        of_theta = torch.func.jacfwd(residuals)(theta, us)
        return None, torch.column_stack((*of_place, of_theta))

    return lambda: residuals(theta, us), jacobian


OWN = {"kmeans": _kmeans, "particle": _particle, "saddle": _saddle, "hand": _hand}
FUNCTIONS = {"heat": heat}
