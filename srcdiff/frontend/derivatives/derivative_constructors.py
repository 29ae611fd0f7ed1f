"""Derivatives that a function makes itself: `grad(loss)(w)`, `jacobian(lambda x: f(x, c))(x)`, `vjp(f, x)`.

The derivative of a known function is made now, as it would be outside. A nested function uses values of the enclosing
function: they become parameters where its derivative is called (`solver_functions`).

    def step(x, c):                                     def height(y, c):
        return x - grad(lambda y: height(y, c))(x)          ...

`services().make` makes the derivatives; the functions themselves have a mark, `makes_derivative`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, NoReturn

import gast

from srcdiff.errors import DifferentiationError
from srcdiff.frontend.arrays.static_keys import need_static
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.values import (
    Args,
    Closure,
    FrontValue,
    Known,
    Kwargs,
    Method,
    Parts,
    Piece,
    is_none,
    is_static,
    static,
)
from srcdiff.frontend.derivatives.derivative_calls import call_derived
from srcdiff.frontend.derivatives.services import Handle, Kind, services
from srcdiff.frontend.derivatives.solver_functions import Lift, parameter_names
from srcdiff.ir.types import is_float
from srcdiff.ir.values import Const, Value, const


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A derivative of a function that uses values around it, which are those at its call."""

    kind: Kind
    function: FrontValue
    options: tuple[tuple[str, Any], ...]
    maker: Any

    def __call__(self, *args: object) -> NoReturn:
        """It counts as a function; calls of it are read (`call_made`)."""
        raise TypeError(f"{self.kind.name} is not run")

    def written_by(self, lift: Lift, name: str) -> str:
        """How it is made, as text: another function that is differentiated here uses it."""
        given = [lift.callable(self.function, name)]
        given += [f"{k}={lift.object(v, k)}" for k, v in self.options]
        return f"{lift.object(self.maker, self.kind.name)}({', '.join(given)})"


@dataclass(frozen=True, slots=True, eq=False)
class Pulled:
    """What `vjp` gives besides the value: the function that takes an adjoint to those of the arguments.

    `places` are the arguments that have one, of all of them; None where the user chose one, or a tuple of some.
    """

    handle: Handle
    args: tuple[FrontValue, ...]
    places: tuple[int, ...] | None
    written: tuple[Any, tuple[FrontValue, ...], tuple[tuple[str, Any], ...]]

    def __call__(self, d_value: object) -> NoReturn:
        """It counts as a function; calls of it are read (`call_pulled`)."""
        raise TypeError("vjp is not run")

    def written_by(self, lift: Lift, name: str) -> str:
        """How it is made, as text: another function that is differentiated here uses it."""
        maker, args, options = self.written
        given = [lift.value(a, f"argument_{k}") for k, a in enumerate(args)]
        given += [f"{k}={lift.object(v, k)}" for k, v in options]
        return f"{lift.object(maker, 'vjp')}({', '.join(given)})[1]"


def makes_derivative(function: object) -> Kind | None:
    """The kind of derivative that a function of srcdiff's makes; None for other functions."""
    found: Kind | None = getattr(function, "makes_derivative", None)
    return found if hasattr(found, "by_position") else None


def make(fr: Frame, node: gast.AST, function: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    """`grad(f, argnums=1)`, `vjp(f, x)`, `f.jvp((x,), (v,))`: the derivative, or its value at a point."""
    kind = makes_derivative(function)
    assert kind is not None
    base = getattr(function, "function", None)  # of `f.vjp`
    of: list[FrontValue] = [Known(base), *args] if base is not None else [*args]
    if not of:
        fr.fail(node, f"`{kind.name}` misses the function")
    options = {k: _static(fr, node, v) for k, v in kwargs.items()}
    if base is not None:
        options = {"%options": function.options, **options}
    if kind.is_at_point and kind.is_along:
        return _pushed(fr, node, kind, of[0], of[1:], options)
    if kind.is_at_point:
        written = function, tuple(args), tuple((k, v) for k, v in options.items() if k[0] != "%")
        return _pulled(fr, node, kind, of[0], of[1:], options, written)
    names = kind.by_position
    if len(of) > 1 + len(names):
        fr.fail(node, f"`{kind.name}` takes a function and, by position, {' and '.join(names)}")
    for name, value in zip(names, of[1:], strict=False):
        if name in options:
            fr.fail(node, f"`{kind.name}` is given `{name}` by position and by name")
        options[name] = _static(fr, node, value)
    return _derivative(fr, node, kind, function, of[0], options)


def _static(fr: Frame, node: gast.AST, value: FrontValue) -> object:
    return static(value) if is_static(value) else need_static(fr, value, node)


def _derivative(
    fr: Frame,
    node: gast.AST,
    kind: Kind,
    maker: object,
    function: FrontValue,
    options: dict[str, object],
) -> FrontValue:
    function = _as_known(function)
    if isinstance(function, Known) and not isinstance(function.value, Made):
        return Known(_handle(fr, node, kind, function.value, options))
    if isinstance(function, Closure | Piece | Method | Known):
        return Known(Made(kind, function, tuple(options.items()), maker))
    fr.fail(node, f"`{kind.name}` takes a function, not {describe(function)}")


def _as_known(function: FrontValue) -> FrontValue:
    """A function that stands as a constant is known like any other."""
    if isinstance(function, Const) and callable(function.value):
        return Known(function.value)
    return function


def _handle(
    fr: Frame, node: gast.AST, kind: Kind, function: Callable[..., object], options: dict[str, Any]
) -> Handle:
    """The same one for the same function and options, wherever it is made."""
    key = (
        "%made",
        kind.name,
        id(function),
        repr(sorted(options.items(), key=lambda item: item[0])),
    )
    kept = fr.session.functions.get(key)
    if kept is None:
        try:
            kept = function, services().make(kind, function, options)
        except DifferentiationError as error:
            chain = (fr.source.location(node), *error.chain)
            raise type(error)(error.message, error.advice, error.location, chain) from None
        except (TypeError, ValueError) as error:
            fr.fail(node, f"{kind.name}(): {error}")
        fr.session.functions[key] = kept
    return kept[1]


# ---- functions that use what is around them ---------------------------------------------------------------------


def call_made(fr: Frame, node: gast.AST, made: Made, args: Args, kwargs: Kwargs) -> FrontValue:
    """A call of such a derivative: what it uses is passed on as further arguments."""
    chain = [made]
    while isinstance(chain[-1].function, Known) and isinstance(chain[-1].function.value, Made):
        chain.append(chain[-1].function.value)
    further = len(made.kind.further(()))  # `v` of `hvp`
    innermost, count = chain[-1].function, len(args) - further
    own, plain, around = _lifted(fr, node, innermost, count, kwargs, made.kind)
    function: Any = plain
    for step in reversed(chain):
        options = _for_own(dict(step.options), own, len(around), step.kind)
        function = _handle(fr, node, step.kind, function, options)
    given = list(args[: len(own)])
    if further and len(args) <= len(own):
        given = list(args[: len(args) - further])
    rest = list(args[len(given) :])
    named = dict(kwargs)
    given += [named.pop(name) for name in own[len(given) :] if name in named]
    if len(given) < len(own):
        fr.fail(node, f"{function.__name__}() misses the argument `{own[len(given)]}`")
    return call_derived(fr, node, function, [*given, *around, *rest], named)


def _lifted(
    fr: Frame, node: gast.AST, function: FrontValue, count: int, named: Kwargs, kind: Kind
) -> tuple[list[str], FunctionType, list[FrontValue]]:
    """The names of a function's own parameters (`count` of them are given, and some by name), it as a function of what
    it finds around it as well, and what that is.
    """
    names, needed = _parameters(function)
    if names is None:
        _refuse_parameters(fr, node, kind)
    given = [k + 1 for k, name in enumerate(names) if name in named]
    own = names[: max(needed, min(count, len(names)), *given)]
    lift = Lift(
        fr, node, {"out", "d_out", "np", *own}, who="a function that is differentiated here"
    )
    name = "inner" if fr.source.name == "<lambda>" else f"{fr.source.name}_inner"
    found = lift.function(function, name, own)
    return own, found, list(lift.leaves.values())


def _parameters(function: FrontValue) -> tuple[list[str] | None, int]:
    """The names of a function's parameters, and how many of them have no default."""
    if isinstance(function, Piece):
        names, needed = _parameters(function.function)
        bound = {k for k, _ in function.kwargs}
        if names is None:
            return None, 0
        rest = names[len(function.args) :]
        left = next((k for k, n in enumerate(rest) if n in bound), len(rest))
        return rest[:left], max(0, min(needed - len(function.args), left))
    names = parameter_names(function)
    defaults = function.defaults if isinstance(function, Closure) else {}
    return names, len([n for n in names or () if n not in defaults])


def _refuse_parameters(fr: Frame, node: gast.AST, kind: Kind) -> NoReturn:
    fr.fail(
        node,
        f"`{kind.name}` of a function whose parameters are not known here",
        "Name its parameters, without `*`.",
    )


def _for_own(
    options: dict[str, Any], own: Sequence[str], around: int, kind: Kind
) -> dict[str, object]:
    """Options that count the function's own parameters, where there are more behind them."""

    def place(k: object) -> Any:
        return k + len(own) if type(k) is int and k < 0 else k

    if "argnums" in options:
        wanted = options["argnums"]
        is_tuple = isinstance(wanted, tuple | list)
        options["argnums"] = tuple(map(place, wanted)) if is_tuple else place(wanted)
    axes = options.get("in_axes", 0)
    if "in_axes" in kind.by_position and not isinstance(axes, dict):
        each = [*axes] if isinstance(axes, tuple | list) else [axes] * len(own)
        options["in_axes"] = (*each, *[None] * (len(own) - len(each) + around))
    return options


# ---- derivatives at a point -------------------------------------------------------------------------------------


def _at_point(
    fr: Frame,
    node: gast.AST,
    kind: Kind,
    function: FrontValue,
    count: int,
    options: dict[str, object],
) -> tuple[Handle, list[FrontValue]]:
    """The handle, and what the function uses besides its arguments."""
    function = _as_known(function)
    if isinstance(function, Known) and not isinstance(function.value, Made):
        return _handle(fr, node, kind, function.value, options), []
    if not isinstance(function, Closure | Piece | Method):
        fr.fail(
            node,
            f"`{kind.name}` of {describe(function)}",
            "Give it the function, and take the derivative of that.",
        )
    own, found, around = _lifted(fr, node, function, count, {}, kind)
    return _handle(fr, node, kind, found, _for_own(options, own, len(around), kind)), around


def _pushed(
    fr: Frame,
    node: gast.AST,
    kind: Kind,
    function: FrontValue,
    given: Args,
    options: dict[str, object],
) -> FrontValue:
    """`jvp(f, args, tangents)`."""
    args, tangents = [
        list(g.values) if isinstance(g, Parts) else [] for g in (*given, None, None)[:2]
    ]
    if len(given) != 2 or not args or len(args) != len(tangents):
        fr.fail(node, "`jvp` takes two tuples: the arguments, and a tangent for each of them")
    wanted = tuple(k for k, t in enumerate(tangents) if not is_none(t))
    if not wanted:
        fr.fail(node, "`jvp` needs a tangent for one argument at least")
    options["argnums"] = wanted
    handle, around = _at_point(fr, node, kind, function, len(args), options)
    along = [tangents[k] for k in wanted]
    return call_derived(fr, node, handle, [*args, *around, *along], {})


def _pulled(
    fr: Frame,
    node: gast.AST,
    kind: Kind,
    function: FrontValue,
    args: Args,
    options: dict[str, object],
    written: Any,
) -> FrontValue:
    """`vjp(f, *args)`: the value, and the function of its adjoint."""
    argnums = options.get("argnums")
    places = None
    if argnums is None:
        places = options["argnums"] = tuple(k for k, a in enumerate(args) if _has_floats(a))
    value = fr.call(node, function, args)
    handle, around = _at_point(fr, node, kind, function, len(args), options)
    pulled = Pulled(handle, (*args, *around), places and (len(args), *places), written)
    return Parts("tuple", (0, 1), (value, Known(pulled)))


def call_pulled(
    fr: Frame, node: gast.AST, pulled: Pulled, args: Args, kwargs: Kwargs
) -> FrontValue:
    """`back(d_value)`."""
    if len(args) != 1 or kwargs:
        fr.fail(
            node, "the function that `vjp` returns takes the adjoint of the value, and nothing else"
        )
    both = call_derived(fr, node, pulled.handle, [*pulled.args, args[0]], {})
    assert isinstance(both, Parts)
    found = both.values[1]
    if pulled.places is None:
        return found
    assert isinstance(found, Parts)
    count, *places = pulled.places
    adjoints: list[FrontValue] = [const(None)] * count
    for k, d in zip(places, found.values, strict=True):
        adjoints[k] = d
    return Parts("tuple", tuple(range(count)), tuple(adjoints))


def _has_floats(value: FrontValue) -> bool:
    if isinstance(value, Parts):
        return any(map(_has_floats, value.values))
    is_number = isinstance(value, Const) and type(value.value) in (int, float)
    return is_number or (isinstance(value, Value | Const) and is_float(value.type))
