"""Test arguments for validation: the arguments of a call, values like them, and values drawn for the types alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from srcdiff.ir.core import Function
from srcdiff.ir.reference.value_conformance import Mismatch, Scope, conform
from srcdiff.ir.structs import build_struct, take_part
from srcdiff.ir.types import Array, Dim, Dynamic, List, Scalar, Static, Struct, Type
from srcdiff.ir.values import Value

Draw = Callable[
    [np.random.Generator, tuple[int, ...], object], object
]  # (rng, shape, example or None)


def _near(rng: np.random.Generator, shape: tuple[int, ...], example: object) -> object:
    """Values of the example's signs and about its magnitudes, so that they are in the domain of the program."""
    factors = np.exp(0.3 * rng.standard_normal(shape))
    return (0.5 + rng.random(shape) if example is None else np.asarray(example)) * factors


def _signed(rng: np.random.Generator, shape: tuple[int, ...], example: object) -> object:
    return rng.standard_normal(shape)


def _ties(rng: np.random.Generator, shape: tuple[int, ...], example: object) -> object:
    """Few numbers that floating point represents exactly, so that several are equal and some are zero."""
    return rng.choice([-1.0, 0.0, 0.5, 1.0, 2.0], shape)


def _spread(rng: np.random.Generator, shape: tuple[int, ...], example: Any) -> object:
    """Different magnitudes with the signs of the example."""
    signs = np.ones(shape) if example is None else np.where(np.real(example) < 0, -1.0, 1.0)
    return signs * 10.0 ** rng.uniform(-3, 3, shape)


def _large(rng: np.random.Generator, shape: tuple[int, ...], example: object) -> object:
    """Values whose exponentials overflow."""
    return 1000.0 * (1.0 + rng.random(shape))


def _large_of_both_signs(rng: np.random.Generator, shape: tuple[int, ...], example: object) -> Any:
    """Values whose exponentials overflow or vanish, beside ordinary ones."""
    return (
        rng.choice([-1.0, 1.0], shape) * rng.choice([1.0, 40.0, 1000.0], shape) * rng.random(shape)
    )


KINDS: Mapping[str, Draw] = {
    "values near the example": _near,
    "values of both signs": _signed,
    "ties, zeros and exact integers": _ties,
    "different magnitudes": _spread,
}
EXTREME: Mapping[str, Draw] = {
    "large values": _large,
    "large values of both signs": _large_of_both_signs,
}


def drawn(
    fn: Function,
    examples: Mapping[str, object],
    lengths: Mapping[str, int],
    seed: int = 0,
    kinds: Mapping[str, Draw] = KINDS,
) -> dict[str, list[Any]]:
    """Lists of arguments for `fn`, by a description; empty where an object of unknown type is needed."""
    names = ("short arrays", "the example arguments", *kinds)  # the quickest first
    sets: dict[str, list[Any]] = {}
    for k, name in enumerate(names):
        rng = np.random.default_rng((seed, k))
        own = {} if name == "short arrays" else examples
        known = {} if name == "short arrays" else dict(lengths)
        try:
            sets[name] = _arguments(fn, own, known, kinds.get(name), rng)
        except Mismatch:
            continue
    return sets


def _arguments(
    fn: Function,
    examples: Mapping[str, object],
    lengths: dict[str, int],
    draw: Draw | None,
    rng: np.random.Generator,
) -> list[Any]:
    scope = Scope()
    given = {p: examples[p.name] for p in fn.params if _fits(p, examples, scope)}
    lengths |= scope.lengths
    out: list[Any] = []
    for p in fn.params:
        if p in given:
            out.append(copy.deepcopy(given[p]) if draw is None else like(given[p], draw, rng))
        else:
            out.append(_of_type(p.type, lengths, draw or _near, rng))
    return out


def _fits(p: Value, examples: Mapping[str, object], scope: Scope) -> bool:
    """Whether there is an example of a parameter; the lengths that it shows are entered into `scope`."""
    if p.name not in examples:
        return False
    tried = Scope(scope)
    try:
        conform(examples[p.name], p.type, tried)
    except (Mismatch, KeyError, TypeError, AttributeError):
        return False
    scope.lengths |= tried.lengths
    return True


def like(example: object, draw: Draw, rng: np.random.Generator) -> Any:
    """An object like `example`, with other real and complex numbers; integers, flags and all else stay."""
    if isinstance(example, np.ndarray) and example.dtype.kind in "fc":
        return _numbers(draw, rng, example.shape, example, example.dtype)
    if isinstance(example, float | complex | np.floating | np.complexfloating):
        new = _numbers(draw, rng, (), example, np.asarray(example).dtype)[()]
        return new if isinstance(example, np.generic) else new.item()
    if isinstance(example, dict):
        return {k: like(v, draw, rng) for k, v in example.items()}
    if isinstance(example, tuple | list):
        parts = [like(v, draw, rng) for v in example]
        return type(example)(*parts) if hasattr(example, "_fields") else type(example)(parts)
    new = copy.deepcopy(example)
    if hasattr(example, "__dataclass_fields__") and not isinstance(example, type):
        for name in example.__dataclass_fields__:
            object.__setattr__(new, name, like(getattr(example, name), draw, rng))
    return new


def _numbers(
    draw: Draw, rng: np.random.Generator, shape: tuple[int, ...], example: object, dtype: Any
) -> Any:
    values = np.asarray(draw(rng, shape, example))
    if dtype.kind == "c" and values.dtype.kind != "c":
        values = values + 1j * rng.standard_normal(shape)
    return np.asarray(values.astype(dtype), order="C")


def _length(dim: Dim, lengths: dict[str, int], rng: np.random.Generator) -> int:
    """A length; one that is not known so far is drawn."""
    for symbol in sorted(dim.symbols() - set(lengths)):
        lengths[symbol] = int(rng.integers(2, 4))
    try:
        number = dim.evaluate(lengths)
    except KeyError as missing:
        raise Mismatch(f"nothing says what {missing} is") from None
    if number < 0:
        raise Mismatch("a negative length")
    return number


def _of_type(type_: Type, lengths: dict[str, int], draw: Draw, rng: np.random.Generator) -> Any:
    match type_:
        case Array():
            shape = tuple(_length(d, lengths, rng) for d in type_.shape)
            return _filled(shape, np.dtype(type_.dtype), draw, rng)
        case Scalar():
            dtype = np.dtype(type_.dtype)
            if type_.expr is not None:
                value = dtype.type(_length(type_.expr, lengths, rng))
            else:
                value = _filled((), dtype, draw, rng)[()]
            return value.item() if type_.weak else value
        case Struct():
            parts = [_of_type(t, lengths, draw, rng) for t in type_.parts]
            built = build_struct(type_.kind, type_.keys, parts, type_.cls)
            for key in type_.keys:  # attributes that a constructor of the user's would change
                take_part(built, type_.kind, key)
            return built
        case List():
            items = []
            for _ in range(2):
                own = dict(lengths)
                items.append(_of_type(type_.element, own, draw, rng))
                lengths |= {k: n for k, n in own.items() if not k.endswith("*")}  # the same in all
            return items
        case Dynamic():
            raise Mismatch(f"no object of type {type_} is known")
        case Static():
            return type_.value


def _filled(shape: tuple[int, ...], dtype: np.dtype, draw: Draw, rng: np.random.Generator) -> Any:
    if dtype.kind in "fc":
        return _numbers(draw, rng, shape, None, dtype)
    return np.asarray(rng.integers(0, 2, shape)).astype(dtype)
