"""Differentiable functions: `@differentiate`, and the generated function of each derivative."""

from __future__ import annotations

import copy
import functools
import os
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import FunctionType, MethodType
from typing import Any, TypeVar

import numpy as np

from srcdiff.compile.arguments.pytree import fit_to, float_positions, leaves, map_leaves
from srcdiff.compile.arguments.signature import Argnums, Signature, resolve_argnums, signature_of
from srcdiff.compile.arguments.strides import copy_of
from srcdiff.compile.derivations.kinds import (
    Derivation,
    Grad,
    Hessian,
    Hvp,
    Jacobian,
    Jvp,
    Value,
    ValueAndGrad,
    Vjp,
)
from srcdiff.compile.extensions import extensions
from srcdiff.compile.program import Derived
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.wrappers import is_starred
from srcdiff.handles.at_point import AtPoint
from srcdiff.handles.fast_call import MISS
from srcdiff.handles.generated import Generated, handles
from srcdiff.handles.primal_call import without_blocks
from srcdiff.handles.specialisations import Specialisations
from srcdiff.options import Options, make_options

Function = Callable[..., Any]


class Differentiable:
    """A function with its derivatives, made by `@differentiate`. Calling it calls the function.

    Attributes
    ----------
    grad, value_and_grad, vjp, jvp, hvp, jacobian, hessian
        Generated functions; `vjp(*args)` gives `(value, back)`, `jvp(args, tangents)` gives
        `(value, tangent)`, `hvp(*args, v)` the Hessian times v.
    """

    __wrapped__: Function

    def __init__(self, function: Function, options: Options) -> None:
        functools.update_wrapper(self, function)
        self.__wrapped__ = function
        self.options = options

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return self._plain(*args, **kwargs)

    @functools.cached_property
    def _plain(self) -> Function:
        return without_blocks(self.__wrapped__)

    def __get__(self, instance: object, owner: type | None = None) -> Differentiable:
        if instance is None:
            return self
        return Differentiable(MethodType(self.__wrapped__, instance), self.options)

    @functools.cached_property
    def grad(self) -> Generated:
        return generated(Grad(), self.__wrapped__, self.options)

    @functools.cached_property
    def value_and_grad(self) -> Generated:
        return generated(ValueAndGrad(), self.__wrapped__, self.options)

    @functools.cached_property
    def hvp(self) -> Generated:
        return generated(Hvp(), self.__wrapped__, self.options)

    @functools.cached_property
    def jacobian(self) -> Generated:
        return generated(Jacobian(), self.__wrapped__, self.options)

    @functools.cached_property
    def hessian(self) -> Generated:
        return generated(Hessian(), self.__wrapped__, self.options)

    @functools.cached_property
    def vjp(self) -> Pullback:
        return Pullback(self.__wrapped__, self.options)

    @functools.cached_property
    def jvp(self) -> Pushforward:
        return Pushforward(self.__wrapped__, self.options)

    @property
    def _numba_type_(self) -> Any:
        """Numba's type of this object, where compiled code calls it or one of its derivatives."""
        return extensions().numba_type(self)

    def __repr__(self) -> str:
        return f"<srcdiff differentiable {getattr(self, '__qualname__', self.__wrapped__)}>"

    def __copy__(self) -> Differentiable:
        return self  # as functions do

    def __deepcopy__(self, memo: Mapping[int, object]) -> Differentiable:
        return self

    def __reduce__(self) -> Any:
        name = getattr(self, "__qualname__", "")
        found: Any
        try:
            found = functools.reduce(
                getattr, name.split("."), sys.modules[self.__wrapped__.__module__]
            )
        except (AttributeError, KeyError):
            found = None
        return name if found is self else (Differentiable, (self.__wrapped__, self.options))


class _OfFloats(AtPoint):
    """`vjp` and `jvp` of a function."""

    def made(self, key: Any) -> Generated:
        return generated(self.derivation, self.function, self.options, key)


class Pullback(_OfFloats):
    """`vjp` of a function: `(value, back)` at a point. The generated function behind `back` is `source_for(*args)`."""

    derivation = Vjp()
    makes_derivative = derivation

    def __init__(self, function: Function, options: Options) -> None:
        super().__init__(function, options)
        self._plain = without_blocks(function)
        self._primal: Generated | None = None  # the function itself, as it is differentiated
        self._ready: Generated | None = None  # the handle of the latest value

    def __call__(self, *args: Any, argnums: Any = None) -> tuple[Any, Callable[..., Any]]:
        wanted = float_positions(args) if argnums is None else argnums
        handle = self.handle_for(wanted)
        kept = [
            restarted(copied(a)) for a in args
        ]  # copies: generators of random numbers change their state
        seen = self._value(handle, args)

        def back(d_value: Any) -> Any:
            _, found = handle(*map(restarted, kept), fit_to(seen, d_value, "d_value"))
            if argnums is not None:
                return found
            adjoints: list[Any] = [None] * len(args)
            for k, d in zip(wanted, found, strict=True):
                adjoints[k] = d
            return tuple(adjoints)

        return copied(seen), back  # own arrays, as all results of derivatives

    def _value(self, handle: Generated, args: tuple[object, ...]) -> Any:
        """The value of the differentiated program: with the same rewritings, and compiled where that is compiled."""
        found = MISS
        if handle is self._ready and self._primal is not None:  # checked before
            found = self._primal.recognised(args)
        if found is MISS:
            # a function without a derivative is an error now, not when `back` is called
            program = handle.specialise(*args, None).program
            if program.dynamic:
                return self._plain(*map(copied, args))
            if self._primal is None:
                f: Any = self.function  # which is generated itself, if it is a derivative
                is_own = isinstance(f, Generated)
                self._primal = f if is_own else generated(Value(), f, self.options)
            found = self._primal(*map(copied, args))
            self._ready = handle
        return found

    def resolve(self, *args: object, **kwargs: object) -> tuple[Generated, tuple[object, ...]]:
        argnums = kwargs.pop("argnums", None)
        return self.handle_for(float_positions(args) if argnums is None else argnums), (*args, None)


class Pushforward(_OfFloats):
    """`jvp` of a function: value and derivative along tangents, `f.jvp(args, tangents)`."""

    derivation = Jvp()
    makes_derivative = derivation

    def __call__(self, args: Sequence[object], tangents: Sequence[object]) -> tuple[Any, Any]:
        handle, given = self.resolve(args, tangents)
        value, tangent = handle(*given)
        return value, tangent

    @property
    def _numba_type_(self) -> Any:
        """Numba's type of this object, where compiled code calls it."""
        return extensions().numba_type(self)

    def resolve(self, *args: object, **kwargs: object) -> tuple[Generated, tuple[Any, ...]]:
        given, tangents = args
        if not isinstance(given, tuple | list) or not isinstance(tangents, tuple | list):
            raise TypeError("jvp takes two tuples: the arguments, and a tangent for each of them")
        if len(given) != len(tangents):
            raise TypeError(
                f"jvp needs a tangent for each argument: {len(given)} arguments, {len(tangents)} tangents"
            )
        wanted = tuple(k for k, t in enumerate(tangents) if any(x is not None for x in leaves(t)))
        if not wanted:
            raise ValueError("jvp needs a tangent for one argument at least: all of them are None")
        return self.handle_for(wanted), (*given, *(tangents[k] for k in wanted))


class OfAnyNumber(AtPoint):
    """A derivative of a function of `*args` or `**kwargs`: a generated function for each number of arguments and their
    keywords.
    """

    def __init__(self, function: Function, options: Options, derivation: Derivation) -> None:
        self.derivation = derivation
        super().__init__(function, options)

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return self.for_call(len(args), tuple(kwargs))(*args, **kwargs)

    def for_call(self, count: int, keywords: tuple[str, ...] = ()) -> Generated:
        """The derivative for calls with `count` arguments, those after the function's own included."""
        argnums, further = self.options.argnums, int(isinstance(self.derivation, Hvp | Vjp))
        if isinstance(self.derivation, Jvp):
            further = len(argnums) if isinstance(argnums, tuple | list) else 1
        return self.handle_for((count - further, keywords))

    def specialise(self, *args: object, **kwargs: object) -> Any:
        return self.for_call(len(args), tuple(kwargs)).specialise(*args, **kwargs)

    def recognised(self, args: tuple[object, ...]) -> Any:
        return self.for_call(len(args)).recognised(args)

    def made(self, key: Any) -> Generated:
        function = plain_function(self.function, *key)
        if is_variadic(function):
            raise TypeError(f"{self.__name__}() is called without arguments")
        return generated(self.derivation, function, self.options)

    def resolve(self, *args: object, **kwargs: object) -> tuple[Generated, tuple[object, ...]]:
        return self.for_call(len(args), tuple(kwargs)), (*args, *kwargs.values())

    def __reduce__(self) -> Any:
        rebuild, parts = super().__reduce__()
        return rebuild, (*parts, self.derivation)


_P = TypeVar("_P", bound=AtPoint)


def shared(cls: type[_P], f: Any, options: Options) -> _P:
    """`vjp` or `jvp` of a function, cached for the function and these options, since inspecting a function is slow."""
    if type(f) is not FunctionType or f.__kwdefaults__ or f.__dict__:  # may be changed unseen
        return cls(f, options)
    try:
        jit = os.environ.get("SRCDIFF_JIT")
        found, defaults = _points(cls, f, options, f.__code__, jit)  # type: ignore[arg-type]
    except TypeError:  # options without a hash
        return cls(f, options)
    return found if defaults is f.__defaults__ else cls(f, options)


@functools.lru_cache(maxsize=64)
def _points(
    cls: Any, f: Any, options: Options, code: types.CodeType, jit: str | None
) -> tuple[Any, Any]:
    return cls(f, options), f.__defaults__


def plain_function(f: Any, count: int | None = None, keywords: tuple[str, ...] = ()) -> Any:
    """The function of a `Differentiable`; for a library function or a starred one, a function that calls it with
    `count` arguments and these keywords, if the count is known; any other object as it is.
    """
    if isinstance(f, Differentiable):
        return plain_function(f.__wrapped__, count, keywords)
    if isinstance(f, OfAnyNumber):
        return f if count is None else f.for_call(count, keywords)
    if not callable(f):
        raise TypeError(f"expected a function, got {f!r}")
    is_plain = type(f) is FunctionType and not is_variadic(f)
    if is_plain and (f.__module__ or "").partition(".")[0] not in ("numpy", "scipy"):
        return f
    # operations take a while to import
    from srcdiff.frontend.source.library_wrappers import written_out

    return written_out(f, count, keywords)


def is_variadic(f: object) -> bool:
    """Whether a function takes any number of arguments or keywords, or a number that only a call shows."""
    if is_starred(f):
        return True
    is_own = type(f).__module__.partition(".")[0] == "srcdiff"
    if type(f) is FunctionType or not callable(f) or is_own:
        return False
    # operations take a while to import
    from srcdiff.frontend.source.library_wrappers import takes_any_number

    return takes_any_number(f)


def options_for(f: object, given: Mapping[str, object], argnums: Argnums = None) -> Options:
    """The options of a call, over those of a decorator; `argnums` where it is given by position."""
    given = given if argnums is None else {"argnums": argnums, **given}
    return make_options(given, f.options if isinstance(f, Differentiable) else None)


def generated(derivation: Derivation, f: Any, options: Options, argnums: Any = None) -> Generated:
    """The generated function for a derivation; `argnums` replaces that of the options."""
    f = plain_function(f)
    is_for_calls = derivation.differentiates or isinstance(derivation, Value)
    if is_for_calls and (isinstance(f, OfAnyNumber) or is_variadic(f)):
        given = options if argnums is None else replace(options, argnums=argnums)
        return OfAnyNumber(f, given, derivation)  # type: ignore[return-value]
    wanted = options.argnums if argnums is None else argnums
    is_tuple = isinstance(wanted, tuple | list)
    signature = _signature(derivation, f, wanted)
    further = derivation.further([signature.names[k] for k in signature.wrt])
    spread = is_tuple and isinstance(derivation, Hvp)
    signature = replace(signature, further=further, spread=spread, along=derivation.is_along)
    name = derivation.program_name("f" if signature.name == "<lambda>" else signature.name)
    wrt = signature.wrt if derivation.differentiates else ()
    derived = Derived(derivation, f, options, wrt, name, is_tuple)
    is_quiet = type(derivation) is Value  # the value of a derivative that has warned already
    return Generated(derived, signature, _known(derived), is_quiet=is_quiet)


def _signature(derivation: Derivation, f: Any, argnums: Any) -> Signature:
    """The parameters of a function that is differentiated with respect to some of them."""
    if not isinstance(f, Generated):
        if derivation.differentiates:
            return signature_of(f, argnums)
        return replace(signature_of(f, 0), wrt=())
    if f.signature.further:
        raise UnsupportedError(
            f"{f.__name__} takes {', '.join(f.signature.further)} besides the arguments of its "
            "function, and cannot be differentiated or batched yet",
            "Take the gradient instead, or a function that is written out.",
        )
    wrt = f.signature.wrt  # the inner derivative takes these as floats
    if derivation.differentiates:
        wrt = resolve_argnums(f.signature.names, argnums)
    return replace(f.signature, wrt=wrt, name=f.__name__)


def _known(derived: Derived) -> Specialisations:
    """The specialisations that handles of one derivative share: `grad(f)(x)` in a loop generates and compiles once."""
    try:
        code = getattr(derived.base, "__code__", None)
        return _shared(derived, code, os.environ.get("SRCDIFF_JIT"))
    except TypeError:  # a callable without a hash
        return Specialisations()


@functools.lru_cache(maxsize=64)
def _shared(derived: Derived, code: object, jit: str | None) -> Specialisations:
    return Specialisations()


def forget_programs() -> None:
    """Forget all generated programs, since a rule has changed."""
    _shared.cache_clear()
    _points.cache_clear()
    for handle in handles():
        handle.forget()


def restarted(value: object) -> Any:
    """The values with copies of random generators, which will draw the same numbers."""

    def own(leaf: object) -> Any:
        return copy.deepcopy(leaf) if hasattr(leaf, "bit_generator") else leaf

    return value if type(value) in (float, int, np.ndarray) else map_leaves(own, value)


def copied(value: object) -> Any:
    if type(value) in (float, int):
        return value
    return map_leaves(lambda leaf: copy_of(leaf) if isinstance(leaf, np.ndarray) else leaf, value)
