"""Differentiability checks: an argument or result without a derivative is an error at the user's line."""

from __future__ import annotations

from collections.abc import Iterator

from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.locations import parameter_place
from srcdiff.ir.core import Function, Node, Tree
from srcdiff.ir.location import Location
from srcdiff.ir.types import Array, Dim, List, Scalar, Static, Struct, Type, is_complex, is_float
from srcdiff.ir.values import Value
from srcdiff.options import Options


def check_differentiable(fn: Function, k: int) -> None:
    param = fn.params[k]
    if is_float(param.type):
        return
    if isinstance(param.type, Array):
        is_integer = param.type.dtype.startswith(("int", "uint"))
        what = "an integer array" if is_integer else f"an array of {param.type.dtype}"
        advice = f"Pass {param.name}.astype(float), or leave it out of argnums."
    else:
        what, advice = (
            describe(param.type)
            if not isinstance(param.type, Static)
            else "something that is no number",
            f"Leave {param.name} out of argnums, or pass floats for it.",
        )
    raise UnsupportedError(
        f"cannot differentiate with respect to {what}: {param.name!r}",
        advice,
        parameter_place(fn.location, fn.params[k].name),
    )


def leaf_types(type_: Type) -> Iterator[Scalar | Array]:
    match type_:
        case Scalar() | Array():
            yield type_
        case List():
            yield from leaf_types(type_.element)
        case Struct():
            for part in type_.parts:
                yield from leaf_types(part)


def describe(type_: Type | None) -> str:
    match type_:
        case Scalar():
            return {"bool": "a truth value", "int64": "an integer"}.get(
                type_.dtype, f"a {type_.dtype}"
            )
        case Array():
            return f"an array of {type_.dtype} with {type_.ndim} {'axis' if type_.ndim == 1 else 'axes'}"
        case List():
            return "a list" if is_float(type_) else "a list without floats"
        case Static():
            return "None" if type_.value is None else f"{type_.value!r}"
        case Struct() if not is_float(type_):
            return f"a {type_.kind} without floats"
    return (
        "a container"
        if type_ is None or isinstance(type_, Struct)
        else "something that is no number"
    )


def result_location(fn: Function, tree: Tree) -> Location | None:
    """The place where a result is computed, if there is one place; otherwise the place of the function."""
    value = fn.body.yields[tree] if isinstance(tree, int) else None
    made = (
        next((s for s in fn.body.body if value in s.results), None)
        if isinstance(value, Value)
        else None
    )
    return made.location if made is not None and made.location is not None else fn.location


def check_scalar(fn: Function, options: Options) -> None:
    """A gradient needs a scalar, or an array of one: the result, or its first part with `has_aux`."""
    tree: Tree = fn.output
    if options.has_aux:
        if not isinstance(tree, Node) or len(tree.children) != 2:
            raise UnsupportedError(
                f"has_aux=True, but {fn.label} does not return a pair",
                "Return (value, aux).",
                fn.location,
            )
        tree = tree.children[0]
    type_: Type | None = fn.body.yields[tree].type if isinstance(tree, int) else None
    is_real = type_ is not None and is_float(type_) and not is_complex(type_)
    is_of_one = isinstance(type_, Array) and {*type_.shape} == {Dim(1)}
    if is_real and (isinstance(type_, Scalar) or is_of_one):
        return
    if isinstance(type_, Scalar) and is_complex(type_):
        advice = (
            "Return a real number, as np.abs and np.real give; of a holomorphic function, holomorphic_grad is the "
            "complex derivative."
        )
    elif isinstance(type_, Array) and not type_.ndim:
        advice = "Start with a number, such as 0.0, where the array without axes is made."
    elif isinstance(type_, Array):
        advice = "Sum it up (np.sum), or use srcdiff.vjp or srcdiff.jvp."
    elif isinstance(type_, Scalar | Static):
        advice = "Return a float."
    else:
        advice = "Return (value, aux) and pass has_aux=True, or use srcdiff.vjp."
    raise UnsupportedError(
        f"a gradient needs a float scalar, but {fn.label} returns {describe(type_)}",
        advice,
        result_location(fn, tree),
    )
