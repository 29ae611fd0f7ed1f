"""User-defined derivative rules: `@rule(callable)` declares an operation with a rule of the user's.

The rule is written as the rules under `ops/`, and takes the same path: the frontend reads it, and its lines are inlined
in the generated code. The operation itself stays a call of the function. The type of its result is found by reading the
function, or a model of it (`result=`), for the types of the arguments.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import FunctionType
from typing import Any

import gast
import numpy as np

from srcdiff.errors import DifferentiationError, RuleError
from srcdiff.frontend.source.function_source import Source, source_of
from srcdiff.frontend.source.wrappers import function_of
from srcdiff.handles.differentiable import forget_programs
from srcdiff.ir.core import Node, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.location import Location
from srcdiff.ir.types import Dim, Scalar, Static, Type, all_dims, is_numeric, map_dims
from srcdiff.ir.values import Atom, Attrs, Const
from srcdiff.ops.core.registry import OWN, declared, signature_of_rule
from srcdiff.ops.core.type_rules import TypeMistake, arithmetic, floating

Rule = Callable[..., object]

_RESULTS = ("out", "d_out")


def rule(
    *callables: object,
    elementwise: bool | None = None,
    result: Callable[..., object] | None = None,
    forward: Rule | None = None,
    takes_complex: bool = False,
) -> Callable[[Rule], Rule]:
    """Decorator that declares the derivative of a function: the user's own, NumPy's or SciPy's.

    The rule takes the function's arguments by their names, and by keyword its result `out` and the derivative `d_out`
    with respect to the result. It assigns the derivative with respect to each argument to `d_<name>`, in NumPy. An `if`
    may test conditions that depend on types only (a parameter with a default, `x.ndim`).

    Parameters
    ----------
    *callables
        The function; several, if they compute the same (a function and its compiled form from `numba.njit`).
    elementwise : bool, optional
        The function acts on each element after broadcasting, as ufuncs do. The rule then serves forward mode as well.
    result : callable, optional
        A function of the same arguments whose result has the same shape and dtype, for a function that srcdiff cannot
        read: `lambda x, n: np.empty((n, len(x)))`.
    forward : callable, optional
        The rule of forward mode, which second derivatives of a function need unless it is elementwise: it takes `out`
        and the tangents `<name>_dot` by keyword, and assigns `out_dot`.
    takes_complex : bool, default False
        The rule is right for complex numbers, too: products with `d_out` are transposed and nowhere conjugated, as in
        autograd (docs/derivatives.md). An elementwise function that is not holomorphic needs `forward` then.

    Examples
    --------
    >>> import numpy as np
    >>> import srcdiff
    >>> @srcdiff.rule(np.i0, elementwise=True)
    ... def i0(x, *, out, d_out):
    ...     d_x = d_out * scipy.special.i1(x)
    """
    if not callables:
        raise TypeError("rule needs the function that it is for: @rule(function)")
    for function in callables:
        if not callable(function):
            raise TypeError(f"rule needs a function, got {function!r}")

    def register(written: Rule) -> Rule:
        for given in (written, forward):
            is_def = isinstance(given, FunctionType) and given.__name__ != "<lambda>"
            if given is not None and not is_def:
                raise TypeError(f"a rule is a function that is written with def, got {given!r}")
        assert isinstance(written, FunctionType)
        decl = _declared(callables, written, elementwise, result, forward, takes_complex)
        for function in callables:
            for each in dict.fromkeys((function, function_of(function)), None):
                OWN[each] = decl
        forget_programs()
        return written

    return register


def _declared(
    callables: Sequence[Any],
    written: FunctionType,
    elementwise: bool | None,
    result: Callable[..., Any] | None,
    forward: Rule | None,
    takes_complex: bool,
) -> OpDecl:
    function = callables[0]
    _check(function, written)
    known = declared(function)
    if known is not None:
        if not known.elementwise or known.linear or known.multilinear or known.rule is None:
            raise RuleError(
                f"`{known.name}` has a derivative that srcdiff's own passes count on",
                "Write a function that calls it, and a rule for that.",
                _place(written),
            )
        own: dict[str, Any] = {"rule": written, "forward": forward, "takes_complex": takes_complex}
        return replace(known, simpler=None, expansion=None, **own)
    is_each = isinstance(function, np.ufunc) if elementwise is None else elementwise
    spelling = _spelling(function)
    return OpDecl(
        name=getattr(function, "__name__", written.__name__),
        infer=_Result(function, written, is_each, result),
        callables=tuple(callables),
        signature=signature_of_rule(written),
        defaults=_defaults(written),
        spelling=spelling or function.__name__,
        function=None if spelling else function,
        rule=written,
        forward=forward,
        elementwise=is_each,
        adjoint="any" if is_each else "whole",
        raises=True,
        cost="heavy",
        takes_complex=takes_complex,
        evaluate=lambda operands, attrs: function(*operands, **attrs),
    )


def _defaults(written: FunctionType) -> dict[str, object]:
    parameters = inspect.signature(written).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _spelling(function: object) -> str:
    """The text of a call of a NumPy or SciPy function, in code that imports its module; empty for other functions."""
    name = getattr(function, "__name__", "")
    module = getattr(function, "__module__", None) or ""
    if module.partition(".")[0] not in ("", "numpy", "scipy"):
        return ""
    places = [("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft), ("np.random", np.random)]
    loaded = [(m, sys.modules[m]) for m in sorted(sys.modules) if m.startswith("scipy.")]
    public = [(m, value) for m, value in loaded if "._" not in m and value is not None]
    for place, value in (*places, *public):
        if vars(value).get(name) is function:
            return f"{place}.{name}"
    return ""


# ---- validation of a rule -------------------------------------------------------------------------


def _check(function: object, written: FunctionType) -> None:
    """Raise for inputs that the function does not have, and for inputs without a derivative in the rule."""
    source = source_of(written)
    label = getattr(function, "__name__", "the function")
    mine = [p for p in inspect.signature(written).parameters.values() if p.name not in _RESULTS]
    inputs = [p.name for p in mine if p.default is p.empty]
    for p in mine:
        if p.kind is p.KEYWORD_ONLY and p.default is p.empty:
            raise RuleError(
                f"the rule `{written.__name__}` has the keyword `{p.name}`; those are `out` and `d_out`",
                "Write arguments of the function in front of the star.",
                _place(written),
            )
    theirs = _parameters(function)
    if theirs is not None:
        listed = ", ".join(p.name for p in theirs) or "none"
        for name in (p.name for p in mine if p.name not in {t.name for t in theirs}):
            raise RuleError(
                f"the rule `{written.__name__}` has an input `{name}`, and `{label}` has none of that name",
                f"The arguments of {label} are {listed}.",
                _place(written),
            )
        for p in theirs:
            if p.default is p.empty and p.name not in {m.name for m in mine}:
                raise RuleError(
                    f"the rule `{written.__name__}` leaves out `{p.name}`, an argument of `{label}`",
                    f"The arguments of {label} are {listed}.",
                    _place(written),
                )
    _check_names(written, source, inputs)


def _check_names(written: FunctionType, source: Source, inputs: Sequence[str]) -> None:
    """Raise if the rule assigns no derivative, or one that belongs to no input."""
    stored, read = set[str](), set[str]()
    for node in (n for s in source.node.body for n in gast.walk(s) if isinstance(n, gast.Name)):
        (stored if isinstance(node.ctx, gast.Store) else read).add(node.id)
    if not any(f"d_{name}" in stored for name in inputs):
        raise RuleError(
            f"the rule `{written.__name__}` assigns no derivative",
            f"Assign {' or '.join(f'd_{name}' for name in inputs) or 'd_<input>'}; 0.0 where it is zero.",
            _place(written),
        )
    for name in sorted(stored - read):
        if name.startswith("d_") and name.removeprefix("d_") not in inputs:
            raise RuleError(
                f"the rule `{written.__name__}` assigns `{name}`, "
                "which is the derivative with respect to none of its inputs",
                f"They are {', '.join(inputs)}.",
                _place(written),
            )


def _parameters(function: object) -> list[inspect.Parameter] | None:
    """The parameters of a Python function; None if they are not known."""
    plain = function_of(function)
    if not isinstance(plain, FunctionType):
        return None
    found = list(inspect.signature(plain).parameters.values())
    return None if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in found) else found


def _place(written: FunctionType) -> Location:
    source = source_of(written)
    return source.location(source.node)


# ---- the type of the result --------------------------------------------------------------------


class _Result:
    """The type rule `OpDecl.infer`: the type of a call's result, for the types of its operands."""

    def __init__(
        self, function: object, written: FunctionType, elementwise: bool, model: object
    ) -> None:
        self.function = function
        self.written = written
        self.elementwise = elementwise
        self.model = model
        self.known: dict[object, tuple[Type, ...]] = {}

    def __call__(self, shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
        if self.elementwise and self.model is None:
            decide = floating if isinstance(self.function, np.ufunc) else _numbers
            return decide(shapes, operands, attrs)
        names: dict[Dim, str] = {}
        types = [self.given(a, names) for a in operands]
        key = (tuple(types), tuple(attrs.items()))
        if key not in self.known:
            self.known[key] = self.traced(types, attrs)
        lengths = {symbol: dim for dim, symbol in names.items()}
        return tuple(_in_lengths(t, lengths, shapes) for t in self.known[key])

    def given(self, operand: Atom, names: dict[Dim, str]) -> Type:
        """An operand's type with symbols of its own: equal lengths share one, 1 stays 1."""
        if isinstance(operand, Const) and not isinstance(operand.value, float):
            return Static(operand.value)

        def change(dim: Dim) -> Dim:
            return dim if dim.is_const else Dim.of(names.setdefault(dim, f"n{len(names)}"))

        return map_dims(operand.type, change)

    def traced(self, types: Sequence[Type], attrs: Attrs) -> tuple[Type, ...]:
        from srcdiff.frontend.trace import trace  # slow to import

        of = self.function if self.model is None else self.model
        label = getattr(self.function, "__name__", "the function")
        parameters = [p.name for p in inspect.signature(self.written).parameters.values()]
        inputs = [n for n in parameters if n not in _RESULTS and n not in attrs]
        static = {k: Static(v) for k, v in attrs.items()}
        given = {**dict(zip(inputs, types, strict=False)), **static}
        try:
            found = trace(of, [*given.values()], names=[*given], any_lengths=True)
        except DifferentiationError as error:
            raise TypeMistake(
                f"what `{label}` returns is not known, as it cannot be read ({error.message}); say it in its rule: "
                f"rule({label}, elementwise=True), or result= with a function whose result has its shape"
            ) from None
        yields = [y.type for y in found.body.yields]
        is_flat = isinstance(found.output, int) or all(
            isinstance(c, int) for c in found.output.children
        )
        if (
            not is_flat
            or not all(map(is_numeric, yields))
            or (isinstance(found.output, Node) and found.output.kind != "tuple")
        ):
            raise TypeMistake(
                f"`{label}` has a rule, and returns no number, array, or tuple of such"
            )
        return tuple(_unweak(t) for t in yields)


def _unweak(type_: Type) -> Type:
    """A number whose value is not known."""
    return replace(type_, expr=None) if isinstance(type_, Scalar) else type_


def _numbers(shapes: Shapes, operands: Sequence[Atom], attrs: Attrs) -> tuple[Type, ...]:
    """Floats of the broadcast shape; the result is a Python number if all operands are."""
    (type_,) = arithmetic(shapes, operands, attrs)
    is_weak = isinstance(type_, Scalar) and type_.weak
    (found,) = floating(shapes, operands, attrs)
    return (replace(found, weak=True) if isinstance(found, Scalar) and is_weak else found,)


def _in_lengths(type_: Type, lengths: Mapping[str, Dim], shapes: Shapes) -> Type:
    """A type in the caller's lengths; lengths that arose in the function are new symbols."""
    own = dict(lengths)
    for symbol in sorted({s for d in all_dims(type_) for s in d.symbols()} - own.keys()):
        own[symbol] = shapes.fresh("k")
    return map_dims(type_, lambda d: d.substitute(own))
