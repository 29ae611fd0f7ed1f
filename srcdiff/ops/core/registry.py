"""The registry of operations: `operation` declares an operation by its fields, `declare` by its reverse-mode rule, and
`composite` declares a library function as Python over operations.

A rule is a small NumPy function that the frontend parses. Its parameters are the inputs, `out` and `d_out`; it assigns
`d_<input>`:

    @declare(np.tanh, infer=floating, elementwise=True)
    def tanh(x, *, out, d_out):
        d_x = d_out * (1 - out**2)

Parameters without a default are operands. Parameters with a default are static: the rule may test them, and `x.ndim`,
with `if`. A rule never mentions broadcasting, dtypes or accumulation. An input whose `d_<input>` is not assigned has no
derivative, and a program that needs it is an error. A zero derivative is assigned as `0.0`.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from srcdiff.ir.core import OpDecl

OPERATIONS: dict[str, OpDecl] = {}
METHODS: dict[str, OpDecl] = {}  # array methods and attributes, by name
OWN: dict[object, OpDecl] = {}  # the rules that users write, by callable
_BY_CALLABLE: dict[object, OpDecl] = {}
# SciPy's functions by dotted name, because srcdiff does not import SciPy before the user does
_PENDING: dict[str, list[tuple[str, object]]] = {}

Rule = Callable[..., object]


def operation(name: str, *callables: Any, method: str = "", **fields: Any) -> OpDecl:
    """Declare an operation (see `ir.core.OpDecl` for the fields), and register its callables and its method.

    SciPy's functions are given as dotted names ("scipy.special.expit"), so that declaring them does not import SciPy.
    """
    signature = fields.get("signature", "")
    fields.setdefault("defaults", _defaults(signature))
    fields.setdefault("spelling", _spelling(callables))
    decl = OpDecl(name, callables=callables, **fields)
    if name in OPERATIONS:
        raise ValueError(f"operation {name!r} is declared twice")
    OPERATIONS[name] = decl
    for function in callables:
        if isinstance(function, str):
            _register_pending(_PENDING, function, decl)
        else:
            _BY_CALLABLE[function] = decl
    if method:
        METHODS[method] = decl
    return decl


def declare(
    *callables: Any, name: str = "", **fields: Any
) -> Any:  # Any: composites call the result with the rule's operands
    """Declare an operation by its reverse-mode rule, which also gives its name and signature."""

    def register(rule: Rule) -> OpDecl:
        fields.setdefault("signature", signature_of_rule(rule))
        if fields.get("elementwise"):
            fields.setdefault("adjoint", "any")
        return operation(name or rule.__name__.rstrip("_"), *callables, rule=rule, **fields)

    return register


def find(function: object) -> OpDecl | None:
    """The operation of a Python callable; a user's rule comes first."""
    return own_rule(function) or declared(function)


def own_rule(function: object) -> OpDecl | None:
    """The operation that a user's rule declares for a callable."""
    try:
        return OWN.get(function) if OWN else None
    except TypeError:  # unhashable
        return None


def is_own(decl: OpDecl) -> bool:
    """Whether an operation's rule is a user's."""
    return any(OWN.get(c) is decl for c in decl.callables)


def declared(function: object) -> OpDecl | None:
    """The operation that srcdiff declares for a Python callable."""
    _import_pending(_PENDING, _BY_CALLABLE)
    try:
        return _BY_CALLABLE.get(function)
    except TypeError:  # unhashable
        return None


# ---- composites ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Composite:
    """A library function as a Python function over operations; the frontend reads it like a user's function.

    Attributes
    ----------
    function : FunctionType
        The function that is read in the place of a call. Its locals are names in generated code.
    callables : tuple
        The library functions that it replaces; SciPy's are given by dotted name.
    methods : tuple of str
        The array methods that it replaces; the array is the first argument.
    given : tuple of str
        It applies to calls with one of these arguments, or with None for it (`"axis=None"`). Other calls are an
        operation's.
    ndim : int or None
        It also applies to calls with arrays of more axes.
    at : int or tuple of int
        The position of the argument whose axes `ndim` counts, or several positions.
    takes_complex : bool
        It is correct for complex arguments. If it is not, an operation with the same callable may be.
    of_complex : bool
        It also applies to calls with complex arguments, which the operation with the same callable does not take.
    names : mapping of str to str
        The parameter for each keyword that has another name.
    ignores : tuple of str
        Parameters that do not change the result. For other parameters that the body does not read, a call may pass
        the default only.
    samples : tuple
        How tests draw arguments (see `ops/core/samples.py`).
    """

    function: FunctionType
    callables: tuple[Any, ...] = ()
    methods: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    ndim: int | None = None
    at: int | tuple[int, ...] = 0
    samples: tuple[Any, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    takes_complex: bool = False
    of_complex: bool = False
    ignores: tuple[str, ...] = ()

    def takes(self, count: int, keywords: Iterable[str], ndim: int, has_complex: bool) -> bool:
        """Whether it applies to a call with `count` arguments and these keywords, with an array of `ndim` axes."""
        if self.of_complex and has_complex:
            return True
        if self.ndim is None and not self.given:
            return not self.of_complex
        if self.ndim is not None and ndim > self.ndim:
            return True
        code = self.function.__code__
        names = {*code.co_varnames[: min(count, code.co_argcount)], *keywords}
        return not names.isdisjoint(self.given)

    def takes_array(self, parameter: str | None) -> bool:
        """Whether a parameter is an array, so that a list of numbers in its place becomes one."""
        return self.names.get(parameter or "", parameter) in _ARRAYS

    @property
    def unread(self) -> tuple[str, ...]:
        """The parameters that change the result, and that the body does not read."""
        return _unread(self.function.__code__, frozenset(self.ignores))

    @property
    def name(self) -> str:
        return self.function.__name__.rstrip("_")

    @property
    def spelling(self) -> str:
        return _spelling(self.callables)


# the parameters that libraries call arrays by; others may take lists for other things
_ARRAYS = {
    "a", "ar", "arr", "array", "ary", "c", "in1", "in2", "input", "k", "r", "v", "x", "x1", "x2", "y",
}  # fmt: skip
# parameters that choose storage and algorithms, or state what holds in any case
_NO_DIFFERENCE = {
    *("assume_unique", "casting", "check_finite", "copy", "device", "driver", "kind", "lapack_driver", "lwork"),
    *("order", "overwrite_a", "overwrite_ab", "overwrite_b", "overwrite_input", "stable", "subok"),
}  # fmt: skip


@cache
def _unread(code: CodeType, ignored: frozenset[str]) -> tuple[str, ...]:
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    read = set(code.co_cellvars)
    for each in dis.get_instructions(code):
        if each.opname.startswith("LOAD"):
            read |= {*each.argval} if isinstance(each.argval, tuple) else {each.argval}
    return tuple(p for p in parameters if p not in read | ignored | _NO_DIFFERENCE)


_OURS = "srcdiff.ops.library."  # the package of the composites
COMPOSITES: dict[str, Composite] = {}
COMPOSITE_METHODS: dict[str, Composite] = {}
_COMPOSITE_OF: dict[object, Composite] = {}
_PENDING_COMPOSITES: dict[str, list[tuple[str, object]]] = {}


def composite(
    *callables: object,
    method: str = "",
    given: Sequence[str] = (),
    ndim: int | None = None,
    at: int | tuple[int, ...] = 0,
    samples: Sequence[object] = (),
    names: Mapping[str, str] | None = None,
    takes_complex: bool = False,
    of_complex: bool = False,
    ignores: Sequence[str] = (),
) -> Any:
    """Declare a library function by a Python function over existing operations:

        @composite(np.trapezoid, samples=...)
        def trapezoid(y, x=None, dx=1.0, axis=-1):
            ...

    It has the parameters of the library function. An `if` may test what is known when compiling: flags, `axis`,
    `x.ndim`, `None`. `refuse(message, advice)` is an error at the user's line. Derivatives, loop form and kernels
    follow from the operations in its body. SciPy's functions are given as dotted names. A callable that this NumPy
    lacks is given as None.
    """

    def register(function: Any) -> Composite:
        methods = (method,) if method else ()
        present = tuple(c for c in callables if c is not None)
        made = Composite(
            function,
            present,
            methods,
            tuple(given),
            ndim,
            at,
            tuple(samples),
            names or {},
            takes_complex or of_complex,
            of_complex,
            tuple(ignores),
        )
        if made.name in COMPOSITES:
            raise ValueError(f"composite {made.name!r} is declared twice")
        COMPOSITES[made.name] = made
        COMPOSITE_METHODS.update(dict.fromkeys(methods, made))
        for each in present:
            if isinstance(each, str):
                _register_pending(_PENDING_COMPOSITES, each, made)
            else:
                _COMPOSITE_OF[each] = made
        return made

    return register


def refuse(message: str, advice: str = "") -> Any:
    """In a composite: an error at the user's line."""
    raise TypeError(message, advice)


def same_length(a: object, b: object) -> bool:
    """In rules and composites: whether two lengths are known to be equal when compiling."""
    return bool(a == b)


_EVALUATED: set[object] = set()


def evaluated(function: object) -> Any:
    """Mark a function that composites call with values known when compiling: Python runs it while compiling."""
    _EVALUATED.add(function)
    return function


def is_evaluated(function: object) -> bool:
    return isinstance(function, FunctionType) and function in _EVALUATED


def find_composite(function: object) -> Composite | None:
    """The composite of a Python callable; the helpers of composites are read in the same way."""
    if isinstance(function, Composite):
        return function
    if isinstance(function, FunctionType) and (function.__module__ or "").startswith(_OURS):
        return (
            None
            if function in _EVALUATED or function in (refuse, same_length)
            else Composite(
                function, takes_complex=True
            )  # the operations in its body check their operands
        )
    _import_pending(_PENDING_COMPOSITES, _COMPOSITE_OF)
    try:
        return _COMPOSITE_OF.get(function)
    except TypeError:  # unhashable
        return None


_DISTRIBUTIONS = "scipy.stats."  # its functions are methods of distributions


def _register_pending(
    pending: dict[str, list[tuple[str, object]]], name: str, made: OpDecl | Composite
) -> None:
    """Keep a declaration by dotted name until its module is imported."""
    module, _, attribute = name.rpartition(".")
    if name.startswith(_DISTRIBUTIONS) and name.count(".") == 3:
        module, _, distribution = module.rpartition(".")
        attribute = f"{distribution}.{attribute}"
    pending.setdefault(module, []).append((attribute, made))


def _import_pending(pending: dict[str, list[tuple[str, object]]], known: dict[Any, Any]) -> None:
    """Register the declarations by dotted name whose modules are imported by now."""
    for module in [m for m in pending if m in sys.modules]:
        for attribute, made in pending.pop(module):
            found: Any = sys.modules[module]
            for part in attribute.split("."):
                found = getattr(found, part, None)  # older versions lack some names
            if found is not None:
                known[found] = made


# ---- signatures and names ------------------------------------------------------------------------


def signature_of_rule(rule: Rule) -> str:
    parameters = inspect.signature(rule).parameters.values()
    shown = [p for p in parameters if p.name not in ("out", "d_out")]
    return ", ".join(
        str(p.replace(annotation=inspect.Parameter.empty, kind=_plain(p.kind))) for p in shown
    )


def _plain(kind: object) -> Any:
    is_star = kind is inspect.Parameter.VAR_POSITIONAL
    return kind if is_star else inspect.Parameter.POSITIONAL_OR_KEYWORD


def _defaults(signature: str) -> dict[str, object]:
    if not signature:
        return {}
    probe = eval(f"lambda {signature}: 0", {})
    parameters = inspect.signature(probe).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _spelling(callables: Sequence[object]) -> str:
    """The text of a callable: `np.tanh` for the function object, `scipy.special.expit` for the dotted name."""
    if not callables:
        return ""
    function = callables[0]
    if isinstance(function, str):
        return function
    module = getattr(function, "__module__", None) or "numpy"
    return dotted(module, getattr(function, "__name__", None) or _name_of(function))


def _name_of(value: object) -> str:
    """The name of an object of NumPy that is not a function: `r_`."""
    return next(name for name, found in vars(np).items() if found is value)


def dotted(module: str, name: str) -> str:
    """A function's name as programs write it, with `np` for NumPy."""
    if module.startswith("numpy"):
        inner = next((m for m in ("linalg", "fft") if module.startswith(f"numpy.{m}")), "")
        module = f"np.{inner}" if inner else "np"
    return f"{module}.{name}"
