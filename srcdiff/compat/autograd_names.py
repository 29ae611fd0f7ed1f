"""Autograd's names for derivatives at a point: `make_vjp(f)(*args)` gives functions of a direction or weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from srcdiff.compile.arguments.signature import Argnums
from srcdiff.compile.derivations.kinds import Grad, Hvp, Jvp, Vjp
from srcdiff.handles.at_point import AtPoint
from srcdiff.handles.differentiable import (
    Pullback,
    Pushforward,
    copied,
    generated,
    is_variadic,
    options_for,
    plain_function,
    shared,
)
from srcdiff.handles.generated import Generated
from srcdiff.options import Options

Function = Callable[..., Any]


class _Maker(AtPoint):
    """A derivative at points; the option `argnums` selects the arguments."""

    def __init__(self, function: Function, options: Options) -> None:
        super().__init__(function, options)
        self.is_tuple = isinstance(options.argnums, tuple)
        self.wrt = self.first().signature.wrt

    def first(self) -> Generated:
        """The generated function, which knows its differentiated arguments."""
        raise NotImplementedError

    def chosen(self, args: tuple[object, ...]) -> tuple[Any, ...]:
        """The differentiated arguments."""
        return tuple(args[k] for k in self.wrt)


class VjpMaker(_Maker):
    """`make_vjp(f)(*args)` gives `(vjp, value)`, and `vjp(d_value)` the derivative with respect to the argument."""

    derivation = Vjp()

    def first(self) -> Generated:
        self.pullback = shared(Pullback, self.function, self.options)
        return self.pullback.handle_for(self.options.argnums)

    def __call__(self, *args: object) -> tuple[Callable[..., Any], Any]:
        value, back = self.pullback(*args, argnums=self.options.argnums)
        self._latest = self.pullback.handle_for(self.options.argnums)
        return back, value

    def resolve(self, *args: object, **kwargs: object) -> tuple[Generated, tuple[object, ...]]:
        return self.pullback.handle_for(self.options.argnums), (*args, None)


class JvpMaker(_Maker):
    """`make_jvp(f)(*args)` gives `jvp`, and `jvp(v)` the value and its derivative along v."""

    derivation = Jvp()

    def first(self) -> Generated:
        self.pushforward = shared(Pushforward, self.function, self.options)
        argnums = self.options.argnums
        return self.pushforward.handle_for(argnums if self.is_tuple else (argnums,))

    def __call__(self, *args: object) -> Callable[[Any], tuple[Any, Any]]:
        kept = tuple(map(copied, args))
        handle = self.pushforward.handle_for(self.wrt)

        def jvp(v: Any) -> tuple[Any, Any]:
            found: tuple[Any, Any] = handle(*kept, *(v if self.is_tuple else (v,)))
            return found

        self._latest = handle
        return jvp

    def resolve(self, *args: object, **kwargs: object) -> tuple[Generated, tuple[object, ...]]:
        return self.pushforward.handle_for(self.wrt), (*args, *self.chosen(args))


class HvpMaker(_Maker):
    """`make_hvp(f)(*args)` gives `(hvp, gradient)`, and `hvp(v)` the Hessian times v."""

    derivation = Hvp()

    def first(self) -> Generated:
        self.gradient = generated(Grad(), self.function, self.options)
        self.product = generated(Hvp(), self.function, self.options)
        return self.product

    def __call__(self, *args: object) -> tuple[Callable[[Any], Any], Any]:
        kept = tuple(map(copied, args))
        self._latest = self.product
        return lambda v: self.product(*kept, v), self.gradient(*args)

    def resolve(self, *args: object, **kwargs: object) -> tuple[Generated, tuple[object, ...]]:
        chosen = self.chosen(args)
        return self.product, (*args, chosen if self.is_tuple else chosen[0])


class _OfAnyNumber(AtPoint):
    """A maker for a function of `*args`: one maker for each number of arguments."""

    def __init__(self, function: Function, options: Options, maker: type[_Maker]) -> None:
        self.derivation = maker.derivation
        super().__init__(function, options)
        self.maker = maker

    def __call__(self, *args: Any) -> Any:
        return self.handle_for(len(args))(*args)

    def made(self, key: Any) -> Any:
        return self.maker(plain_function(self.function, key), self.options)

    def resolve(self, *args: object, **kwargs: object) -> tuple[Generated, tuple[Any, ...]]:
        maker: Any = self.handle_for(len(args))
        handle, given = maker.resolve(*args, **kwargs)
        return handle, given

    def __reduce__(self) -> Any:
        rebuild, parts = super().__reduce__()
        return rebuild, (*parts, self.maker)


_M = TypeVar("_M", bound=_Maker)


def _made(maker: type[_M], f: Function, argnums: Argnums, options: Mapping[str, object]) -> _M:
    """The maker of a function; for a function of `*args`, one for each number of arguments."""
    given = options_for(f, {**options, "argnums": argnums})
    if is_variadic(f):
        return _OfAnyNumber(f, given, maker)  # type: ignore[return-value]
    return maker(plain_function(f), given)


def make_vjp(f: Function, argnums: Argnums = 0, **options: object) -> VjpMaker:
    """`make_vjp(f)(*args)` gives `(vjp, value)`: `vjp(d_value)` is the derivative with respect to the argument, as in
    autograd.
    """
    return _made(VjpMaker, f, argnums, options)


def make_jvp(f: Function, argnums: Any = 0, **options: Any) -> JvpMaker:
    """`make_jvp(f)(*args)` gives `jvp`: `jvp(v)` is `(value, tangent)` along v, as in autograd."""
    return _made(JvpMaker, f, argnums, options)


def make_hvp(f: Function, argnums: Argnums = 0, **options: object) -> HvpMaker:
    """`make_hvp(f)(*args)` gives `(hvp, gradient)`: `hvp(v)` is the Hessian times v, as in autograd."""
    return _made(HvpMaker, f, argnums, options)
