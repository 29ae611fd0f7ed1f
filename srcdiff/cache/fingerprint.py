"""The cache key of a program: one digest of all that it depends on: the texts of a function and of all that it may
call, and the objects outside that it may use.

The walk goes from the function to every global, captured variable and default that its code names, and from there
through the user's functions, classes, modules and containers. It visits more than a program uses. If the digest cannot
describe an object, the walk raises `Unknown`, and the program is not cached. The walk records the place of each visited
object, in an order that is the same in every process, so that a record can refer to "the object in the third place".
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import linecache
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import getitem
from tokenize import TokenError
from typing import Any

import numpy as np

from srcdiff.compile.program import Derived
from srcdiff.frontend.source.external_dependencies import look_up
from srcdiff.frontend.source.function_source import is_read_in_place
from srcdiff.frontend.source.wrappers import LIBRARIES, function_of, is_library, itself
from srcdiff.ir.core import OpDecl
from srcdiff.ir.structs import slots_of
from srcdiff.ops.core.registry import OWN, own_rule
from srcdiff.options import Options

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), np.generic, np.dtype)
_MOST_BYTES = 2**26  # the largest array whose contents go into a digest
_MOST_PLACES = 20000

_DERIVATIVES = frozenset(("grad", "value_and_grad", "hvp", "jacobian", "hessian"))
_NAMED = (types.FunctionType, type)
_OURS = frozenset(
    f"srcdiff.{m}"
    for m in (
        "api",
        "compat.autograd_names",
        "handles.generated",
        "inspect.check_grads",
        "inspect.cost",
        "inspect.explain",
        "inspect.find_nan",
        "rules.check_rule",
        "rules.custom",
        "rules.implicit",
        "rules.rewrites",
    )
)

Place = tuple[Callable[[], Any], Any]  # how an object is reached, and the object


class Unknown(Exception):
    """An object that has no digest; the text says which."""


@dataclasses.dataclass
class Fingerprint:
    """The result of a walk.

    Attributes
    ----------
    digest : str
        A digest that differs if any visited object differs.
    places : list
        For each object, how it is reached, and its present value.
    """

    digest: str
    places: list[Place]

    def place_of(self, value: object) -> int | None:
        """The place where the walk has visited an object."""
        return next((k for k, (_, v) in enumerate(self.places) if v is value), None)


def fingerprint(header: str, roots: Iterable[object], contents: bool = False) -> Fingerprint:
    """The digest of a text, and of objects and all that they depend on; with the `contents` of arrays, or without.

    Raises
    ------
    Unknown
        For objects that have no digest.
    """
    walk = _Walk(contents)
    walk.append(header)
    try:
        for root in roots:
            walk.visit(partial(itself, root), root)
        for root in [
            f for f, decl in OWN.items() if decl.function is None
        ]:  # the walk may have imported modules that declare rules
            walk.visit(partial(itself, root), root)
    except Unknown:
        raise
    except Exception as error:  # attributes of users' objects may raise any exception
        raise Unknown(f"something that cannot be looked at ({error})") from error
    return Fingerprint(walk.hash.hexdigest(), walk.places)


def _base_of(value: Any) -> object:
    return value.derived.base


class _Walk:
    """One walk; `names` are the names in the code from which an object was reached."""

    def __init__(self, contents: bool) -> None:
        self.contents = contents
        self.hash = hashlib.sha256()
        self.places: list[Place] = []
        self.seen: dict[object, int] = {}

    def append(self, *words: object) -> None:
        for word in words:
            data = str(word).encode("utf-8", "surrogatepass")
            self.hash.update(f"{len(data)}:".encode() + data)

    def visit(
        self, get: Callable[[], object], value: object, names: frozenset[str] = frozenset()
    ) -> None:
        self.places.append((get, value))
        if len(self.places) > _MOST_PLACES:
            raise Unknown("too many things that the function may depend on")
        if isinstance(value, _PLAIN):
            self.append(type(value).__name__, repr(value))
            return
        # a module is visited for the names that the code uses with it
        key = (id(value), names if isinstance(value, types.ModuleType) else None)
        is_new = key not in self.seen
        self.append("seen", self.seen.setdefault(key, len(self.seen)))
        if is_new:
            self.describe(value, names)

    def rule_of(self, decl: OpDecl) -> None:
        """A user's rule for a visited function."""
        self.append("rule", decl.signature, decl.elementwise)
        model = getattr(decl.infer, "model", None)
        for part in (decl.rule, decl.forward, model):
            self.visit(partial(itself, part), part)

    def derivative(self, value: object, derived: Derived) -> None:
        """A generated function that the function calls."""
        self.append("derivative", derived.derivation, derived.options, derived.wrt)
        self.visit(partial(_base_of, value), derived.base)

    def describe(self, value: Any, names: frozenset[str]) -> None:
        decl = own_rule(value)
        if decl is not None:
            self.rule_of(decl)
        derived = getattr(value, "derived", None)
        if isinstance(derived, Derived):
            self.derivative(value, derived)
            return
        if isinstance(getattr(value, "options", None), Options):  # of a decorated function
            self.append(value.options)
            self.attributes(value, sorted(names & _DERIVATIVES), names)
        module = getattr(value, "__module__", "")
        if (module in _OURS and isinstance(value, _NAMED)) or (
            isinstance(value, type) and is_read_in_place(module)
        ):
            self.append("srcdiff", value.__qualname__)  # the versions are part of all digests
            return
        plain = function_of(value)
        if plain is not value:
            self.append("around", type(value).__qualname__)
            self.visit(partial(function_of, value), plain, names)
        elif isinstance(value, np.ndarray):
            self.array(value)
        elif isinstance(value, tuple | list):
            self.append(type(value).__qualname__, len(value))
            for k, part in enumerate(value):
                self.visit(partial(getitem, value, k), part, names)
        elif isinstance(value, dict):
            self.append(type(value).__qualname__, len(value))
            for k, part in value.items():
                self.visit(partial(itself, k), k, names)
                self.visit(partial(getitem, value, k), part, names)
        elif isinstance(value, types.FunctionType):
            self.function(value)
        elif isinstance(value, types.MethodType):
            self.attributes(value, ("__func__", "__self__"), names)
        elif isinstance(value, partial):
            self.attributes(value, ("func", "args", "keywords"), names)
        elif isinstance(value, types.ModuleType):
            self.module(value, names)
        elif isinstance(value, type):
            self.type(value, names)
        elif isinstance(value, types.BuiltinFunctionType | np.ufunc) or _is_of_library(value):
            self.library(value)
        elif isinstance(value, property):
            self.attributes(value, ("fget",), names)
        elif isinstance(value, staticmethod | classmethod):
            self.attributes(value, ("__func__",), names)
        else:
            self.instance(value, names)

    def attributes(self, value: object, found: Iterable[str], names: frozenset[str]) -> None:
        self.append(type(value).__qualname__)
        for name in found:
            self.append(name)
            self.visit(partial(getattr, value, name), getattr(value, name), names)

    def array(self, value: np.ndarray) -> None:
        flags = value.flags.c_contiguous
        self.append("array", type(value).__qualname__, value.dtype.str, value.shape, flags)
        if self.contents or not value.ndim:
            if value.dtype.hasobject or value.nbytes > _MOST_BYTES:
                raise Unknown(f"an array of {value.dtype}, {value.nbytes} bytes")
            self.hash.update(np.ascontiguousarray(value).tobytes())

    def library(self, value: object) -> None:
        maker = type(value)
        owner = getattr(value, "__self__", None)
        if owner is not None and not isinstance(owner, types.ModuleType):
            self.attributes(value, ("__self__",), frozenset())
        name = getattr(value, "__qualname__", getattr(value, "__name__", None))
        if name is None:
            raise Unknown(f"an object of type {maker.__qualname__}")
        self.append(maker.__qualname__, getattr(value, "__module__", ""), name, _version(value))

    # ---- functions ------------------------------------------------------------------------------

    def function(self, value: types.FunctionType) -> None:
        if is_library(value):
            self.library(value)
            return
        code = value.__code__
        self.append(value.__module__, value.__qualname__, code.co_filename, code.co_firstlineno)
        self.append(_source(value), *_code_words(code))
        names = frozenset(_names(code))
        self.attributes(value, ("__defaults__", "__kwdefaults__"), names)
        for name in sorted({*code.co_freevars, *names}):
            found = look_up(value, name)
            if found is None or found[0] == "builtins":
                self.append(name, "builtins" if found else "nothing")
                continue
            self.append(name, found[0])
            self.visit(partial(_looked_up, value, name), found[1], names)
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is not None:
            self.attributes(value, ("__wrapped__",), names)

    # ---- objects with attributes ---------------------------------------------------------------------

    def module(self, value: types.ModuleType, names: frozenset[str]) -> None:
        self.append("module", value.__name__)
        top = value.__name__.partition(".")[0]
        if top in LIBRARIES or top in sys.stdlib_module_names:
            self.append(_version(value))
            return
        found = names & vars(value).keys()
        if "__getattr__" in vars(value):  # attributes that are imported on demand
            found |= {name for name in names if hasattr(value, name)}
        for name in sorted(found):
            self.append(name)
            self.visit(partial(getattr, value, name), getattr(value, name), names)

    def type(self, value: type, names: frozenset[str]) -> None:
        self.append("class", value.__module__, value.__qualname__)
        if _is_of_library(value):
            self.append(_version(value))
            return
        for base in value.__mro__[1:]:
            self.visit(partial(itself, base), base, names)
        for name, part in vars(value).items():
            if name in _OF_NO_MEANING:
                continue
            if name == "__dataclass_fields__":
                self.fields(part, names)
            elif isinstance(part, types.MemberDescriptorType | types.GetSetDescriptorType):
                self.append(name)
            elif type(part).__module__ in ("_abc", "dataclasses", "_collections"):
                self.append(name, type(part).__qualname__)  # the name of a field is enough
            else:
                self.append(name)
                self.visit(partial(getitem, vars(value), name), part, names)

    def fields(self, found: dict[str, Any], names: frozenset[str]) -> None:
        """The fields of a dataclass; their defaults are attributes of the class."""
        for name, field in found.items():
            self.append(name, field.init)
            if field.default_factory is not dataclasses.MISSING:
                self.attributes(field, ("default_factory",), names)

    def instance(self, value: object, names: frozenset[str]) -> None:
        maker = type(value)
        own = list(getattr(value, "__dict__", {}))
        own += [s for c in maker.__mro__ for s in slots_of(c) if hasattr(value, s)]
        if not own and maker.__module__ == "builtins":
            raise Unknown(f"an object of type {maker.__qualname__}")
        self.visit(partial(type, value), maker, names)
        self.attributes(value, own, names)


_OF_NO_MEANING = frozenset(
    ("__dict__", "__weakref__", "__doc__", "__module__", "__abstractmethods__", "__annotations__")
)  # of attributes of classes


def _is_of_library(value: object) -> bool:
    """Whether an object belongs to NumPy, Python or another library, so that its name and version describe it."""
    module = getattr(value, "__module__", None)
    top = str(module).partition(".")[0]
    if isinstance(value, type):
        return top in LIBRARIES or top in sys.stdlib_module_names
    return module is not None and top in LIBRARIES and callable(value)


def _version(value: Any) -> str:
    is_module = isinstance(value, types.ModuleType)
    module = value.__name__ if is_module else getattr(value, "__module__", "scipy")  # a ufunc
    top = str(module).partition(".")[0]
    return str(getattr(sys.modules.get(top), "__version__", ""))


def _looked_up(function: types.FunctionType, name: str) -> object:
    found = look_up(function, name)
    if found is None:
        raise AttributeError(name)
    return found[1]


def _source(function: types.FunctionType) -> str:
    code = function.__code__
    linecache.checkcache(
        code.co_filename
    )  # as `inspect` does, which also searches all modules for the file
    lines = linecache.getlines(code.co_filename, function.__globals__)
    try:
        return "".join(inspect.getblock(lines[code.co_firstlineno - 1 :]))
    except (IndexError, TokenError, SyntaxError):
        return ""  # it cannot be differentiated, either; its code identifies it


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _names(code: types.CodeType) -> Iterator[str]:
    """Every name that code reads and does not define, attributes included."""
    for each in _codes(code):
        yield from each.co_names
        yield from (c for c in each.co_consts if isinstance(c, str) and c.isidentifier())


def _code_words(code: types.CodeType) -> Iterator[object]:
    """The code itself: it distinguishes functions on one line, and functions whose file was edited after its import."""
    for each in _codes(code):
        yield from (each.co_code.hex(), each.co_names, each.co_varnames, list(each.co_positions()))
        for constant in each.co_consts:
            if isinstance(constant, frozenset):
                yield sorted(map(repr, constant))
            elif not isinstance(constant, types.CodeType):
                yield repr(constant)
