"""Draws from a generator that is an argument: `rng.normal(mu, sigma, size=n)`."""

from __future__ import annotations

import inspect
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gast
import numpy as np

from srcdiff.frontend.arrays.subscripts import length_along, read_item, shape_parts
from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import (
    FrontValue,
    Known,
    Parts,
    ShapeOf,
    is_none,
    is_static,
    static,
)
from srcdiff.ir.types import Array, Dim, Scalar, Struct, Type, shape_of
from srcdiff.ir.values import Atom, Const, Value, const, known_dim
from srcdiff.ops.control.random import draw_of

GENERATOR = Struct("generator", (), (), np.random.Generator)


def is_generator(value: Atom) -> bool:
    return isinstance(value, Value) and value.type == GENERATOR


def is_random(function: object) -> bool:
    """Whether it is a function of np.random or random, or a method of a generator outside the program."""
    owner = getattr(function, "__self__", None)
    module = getattr(function, "__module__", None) or ""
    return (
        isinstance(owner, np.random.Generator | np.random.RandomState | random.Random)
        or str(module).startswith(("numpy.random", "random"))
        or function in (np.random.default_rng, np.random.Generator)
    )


@dataclass(frozen=True)
class _Method:
    """A method of generators: its parameters, the dtype of its numbers, and the axes that a parameter adds to them."""

    parameters: str
    dtype: str = "float64"
    event: str = ""  # the parameter whose last axis each draw has, too
    broadcasts: bool = True  # over the shapes of the parameters

    def signature(self) -> inspect.Signature:
        is_whole = "size" in self.parameters or not self.broadcasts
        listed = self.parameters if is_whole else f"{self.parameters}, size=None".lstrip(", ")
        return inspect.signature(eval(f"lambda {listed}: 0"))


_METHODS = {
    "beta": _Method("a, b"),
    "binomial": _Method("n, p", "int64"),
    "chisquare": _Method("df"),
    "choice": _Method("a, size=None, replace=True, p=None", "int64", broadcasts=False),
    "dirichlet": _Method("alpha", event="alpha"),
    "exponential": _Method("scale=1.0"),
    "gamma": _Method("shape, scale=1.0"),
    "geometric": _Method("p", "int64"),
    "gumbel": _Method("loc=0.0, scale=1.0"),
    "integers": _Method("low, high=None", "int64"),
    "laplace": _Method("loc=0.0, scale=1.0"),
    "logistic": _Method("loc=0.0, scale=1.0"),
    "lognormal": _Method("mean=0.0, sigma=1.0"),
    "multivariate_normal": _Method("mean, cov", event="mean"),
    "negative_binomial": _Method("n, p", "int64"),
    "normal": _Method("loc=0.0, scale=1.0"),
    "pareto": _Method("a"),
    "permutation": _Method("x", "int64", broadcasts=False),
    "poisson": _Method("lam=1.0", "int64"),
    "random": _Method(""),
    "standard_cauchy": _Method(""),
    "standard_exponential": _Method(""),
    "standard_gamma": _Method("shape"),
    "standard_normal": _Method(""),
    "standard_t": _Method("df"),
    "uniform": _Method("low=0.0, high=1.0"),
    "vonmises": _Method("mu, kappa"),
    "wald": _Method("mean, scale"),
    "weibull": _Method("a"),
}


def drawn(
    fr: Frame,
    node: gast.AST,
    rng: Value,
    name: str,
    args: Sequence[FrontValue],
    kwargs: Mapping[str, FrontValue],
) -> FrontValue:
    method = _METHODS.get(name)
    if method is None:
        known = ", ".join(_METHODS)
        fr.fail(node, f"`rng.{name}` is not known to srcdiff", f"The methods that are: {known}.")
    probe = method.signature()
    try:
        bound = probe.bind(*args, **kwargs).arguments
    except TypeError as error:
        fr.fail(node, f"rng.{name}(): {error}")
    if not method.broadcasts:
        of = next(iter(bound))
        bound = {k: _array(fr, node, v) if k in (of, "p") else v for k, v in bound.items()}
        array = fr.as_atom(bound[of], node)
        if shape_of(array.type):  # the same numbers choose places
            count = length_along(fr, array, 0, node)
            places = drawn(fr, node, rng, name, [], {**bound, of: count})
            return read_item(fr, array, places, node)
        if bound.keys() <= {"a", "size"}:  # the same numbers, and compiled
            return drawn(fr, node, rng, "integers", [bound.pop("a")], bound)
    if name == "integers" and "high" not in bound:  # as Numba takes it
        bound = {
            "low": const(0),
            "high": bound["low"],
            **{k: bound[k] for k in bound if k == "size"},
        }
    size = bound.pop("size", None)
    operands: list[Atom] = [rng]
    given = []
    parameters = [p for p in probe.parameters.values() if p.name != "size"]
    for p in parameters:
        if p.name not in bound:
            operands.append(const(p.default))
            continue
        operands.append(fr.as_atom(bound[p.name], node))
        given.append(f"{{{len(operands) - 1}}}")
        if list(bound) != list(probe.parameters)[: len(bound)]:
            given[-1] = f"{p.name}={given[-1]}"
    bound = {p.name: bound.get(p.name, const(p.default)) for p in parameters}
    shape, text = _size(fr, size, node, operands)
    type_ = _type(fr, node, method, bound, operands, shape)
    if text:
        given.append(f"size={text}" if given or name not in _ONLY_SIZE else text)
    call = f"{{0}}.{name}({', '.join(given)})"
    decl = draw_of(name, tuple(p.name for p in parameters))
    return fr.op(node, decl, *operands, text=call, type=type_)


def _array(fr: Frame, node: gast.AST, value: FrontValue) -> FrontValue:
    """A list or tuple as an array; numbers, arrays and None stay."""
    is_list = isinstance(value, Parts) or (is_static(value) and isinstance(static(value), tuple))
    return fr.call(node, Known(np.asarray), [value]) if is_list else value


_ONLY_SIZE = ("random", "standard_normal", "standard_cauchy", "standard_exponential")


def _size(
    fr: Frame, size: FrontValue | None, node: gast.AST, operands: list[Atom]
) -> tuple[tuple[Dim, ...] | None, str]:
    """The shape of the draw, None for the shape of the parameters; and its text, with the operands of the text."""
    if size is None or is_none(size):
        return None, ""
    if isinstance(size, ShapeOf):
        size = shape_parts(fr, size, node)
    if isinstance(size, Parts):
        atoms = [fr.as_atom(v, node) for v in size.values]
    elif is_static(size) and isinstance(static(size), tuple):
        atoms = [Const(v, Scalar("int64")) for v in static(size)]
    else:
        atoms = [fr.as_atom(size, node)]
    texts = []
    for atom in atoms:
        operands.append(atom)
        texts.append(f"{{{len(operands) - 1}}}")
    dims = tuple(_dim(fr, a) for a in atoms)
    if not dims:
        return (), ""
    return dims, texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _dim(fr: Frame, atom: Atom) -> Dim:
    found = known_dim(atom)
    return fr.session.shapes.fresh() if found is None else found


def _type(
    fr: Frame,
    node: gast.AST,
    method: _Method,
    bound: Mapping[str, FrontValue],
    operands: Sequence[Atom],
    shape: tuple[Dim, ...] | None,
) -> Type:
    own: tuple[Dim, ...] = ()
    event: tuple[Dim, ...] = ()
    for key, atom in zip(bound, operands[1:], strict=False):
        if key == method.event:
            event = shape_of(atom.type)[-1:]
        elif method.broadcasts and not method.event:
            own = fr.session.shapes.broadcast((own, shape_of(atom.type)))
    if method is _METHODS["permutation"]:
        own = (_dim(fr, operands[1]),)
    full = (*(own if shape is None else shape), *event)
    if not full:
        return Scalar(method.dtype, shape is None and not own)
    return Array(method.dtype, full)
