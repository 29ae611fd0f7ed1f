"""Functions that are passed to solvers, with everything that they use as parameters.

A nested function uses arrays and numbers of the enclosing function, and a solver passes on the values in `args`: both
become parameters, so that derivatives with respect to them exist.

    def rhs(y, t):                     def rhs(y, t, k):
        return -k * y                      return -k * y
    odeint(rhs, y0, t)                 odeint(rhs, y0, t, args=(k,))
"""

from __future__ import annotations

import copy
import functools
import inspect
import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any

import gast
import numpy as np

from srcdiff.errors import UnsupportedError
from srcdiff.frontend.arrays.subscripts import shape_parts
from srcdiff.frontend.calls.lambda_lifting import found_around
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.values import (
    Closure,
    FrontValue,
    Known,
    Method,
    Parts,
    Piece,
    ShapeOf,
    is_same_function,
    parts_of,
)
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.frontend.source.scopes import free_names
from srcdiff.frontend.source.wrappers import function_of, is_library, made_function
from srcdiff.ir.core import Function
from srcdiff.ir.types import Array, Scalar, Struct, is_float
from srcdiff.ir.values import Atom, Const, Value
from srcdiff.ops.core.registry import find

_MADE: dict[object, tuple[FunctionType, dict[str, object]]] = {}
_MOST = 1000


@dataclass
class Lift:
    """Functions that one call of a solver is given, and what they have in common: the values in `args`.

    Attributes
    ----------
    leaves : dict
        Numbers and arrays that are parameters of all of them, by name.
    args : list of str
        How the arguments that the solver passes on are written with these names.
    """

    fr: Frame
    node: gast.AST
    taken: set[str]
    leaves: dict[str, Atom] = field(default_factory=dict)
    args: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    outside: dict[str, Any] = field(default_factory=dict)
    named: dict[str, FrontValue] = field(default_factory=dict)  # what names of the text stand for
    nests: list[tuple[Closure, str]] = field(default_factory=list)  # nested ones, and their names
    is_direct: bool = True
    who: str = "a solver's function"

    # ---- values as text ----

    def value(self, value: FrontValue, name: str) -> str:
        """An expression for a value, in names of leaves."""
        value = self.fr.session.current(value)
        if isinstance(value, ShapeOf):
            value = shape_parts(self.fr, value, self.node)
        if isinstance(value, Known | Closure | Piece):
            return self.callable(value, name)
        if isinstance(value, Parts):
            return self.container(value, name)
        if isinstance(value, Const) and not is_float(value.type):
            self.is_direct = False
            return repr(value.value)
        if isinstance(value, Value | Const) and isinstance(value.type, Scalar | Array):
            return self.leaf(value, name)
        if isinstance(value, Value) and isinstance(value.type, Struct):
            return self.container(unpack_struct(self.fr, value, self.node), name)
        self.fail(f"{describe(value)} cannot be passed to {self.who}")
        raise AssertionError

    def fail(self, message: str) -> None:
        self.fr.fail(
            self.node, message, "Pass the numbers and arrays that it needs one by one, in args."
        )

    def leaf(self, atom: Atom, name: str) -> str:
        for known, other in self.leaves.items():
            if other is atom:
                return known
        name = self.unused(name)
        self.leaves[name] = atom
        return name

    def container(self, value: Parts, name: str) -> str:
        self.is_direct = False
        parts = [
            self.value(v, f"{name}_{k}") for k, v in zip(value.keys, value.values, strict=True)
        ]
        if value.kind == "tuple":
            return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
        if value.kind == "list":
            return f"[{', '.join(parts)}]"
        if value.kind == "dict":
            return f"{{{', '.join(f'{k!r}: {p}' for k, p in zip(value.keys, parts, strict=True))}}}"
        if value.kind in ("namedtuple", "dataclass") and value.cls is not None:
            cls = self.object(value.cls, value.cls.__name__)
            return f"{cls}({', '.join(f'{k}={p}' for k, p in zip(value.keys, parts, strict=True))})"
        self.fail(f"{describe(value)} cannot be passed to {self.who}")
        raise AssertionError

    def object(self, value: object, name: str) -> str:
        name = getattr(value, "__name__", name).rpartition(".")[2]
        for known, other in self.outside.items():
            if other is value and (known == name or known.startswith(f"{name}_")):
                return known
        name = self.unused(name)
        self.outside[name] = value
        return name

    def unused(self, name: str) -> str:
        name = name if name.isidentifier() and not keyword.iskeyword(name) else "value"
        found, k = name, 1
        while found in self.taken:
            k += 1
            found = f"{name}_{k}"
        self.taken.add(found)
        return found

    # ---- functions as text ----

    def callable(self, value: FrontValue, name: str) -> str:
        """An expression for a function; its text is put in front where it is a nested one."""
        if isinstance(value, Known) and not hasattr(value.value, "written_by"):
            return self.object(value.value, name)
        self.is_direct = False
        if isinstance(value, Known):  # a derivative that is made here
            written: str = value.value.written_by(self, name)
            return written
        if isinstance(value, Piece):
            inner = self.callable(value.function, name)
            given = [self.value(v, f"{name}_{k}") for k, v in enumerate(value.args)]
            given += [f"{k}={self.value(v, k)}" for k, v in value.kwargs]
            partial = self.object(functools.partial, "partial")
            return f"{partial}({', '.join([inner, *given])})" if given else inner
        if isinstance(value, Closure):
            return self.nested(value, name)
        if isinstance(value, Method) and value.function is not None:
            return f"{self.value(value.receiver, 'owner')}.{value.name}"
        self.fail(f"{describe(value)} cannot be passed to {self.who}")
        raise AssertionError

    def nested(self, closure: Closure, name: str) -> str:
        """The name of a nested function, whose text is put in front.

        Names around it that mean something else in the text already are parameters of a function around it.
        """
        for known, written in self.nests:
            if _is_same(known, closure):
                return written
        node = closure.node
        own = getattr(node, "name", name)
        if isinstance(node, gast.Lambda) and own in free_names(node):  # it has no name of its own
            self.taken.add(own)
            own = self.unused(own)
        name = own if own not in self.named and self.is_free(own, closure) else self.unused(own)
        self.nests.append((closure, name))
        self.named[name] = closure
        captured = self.around(closure)
        self.taken.add(name)
        calls_itself = name != own and own in free_names(node)
        if not captured and not calls_itself:
            self.lines += self.definition(closure, name, False)
            return name
        scope = self.unused(f"{name}_of")
        self.lines.append(f"def {scope}({', '.join(captured)}):")
        self.lines += [f"    {line}" for line in self.definition(closure, own, True)]
        self.lines.append(f"    return {own}")
        self.lines.append(f"{name} = {scope}({', '.join(captured.values())})")
        return name

    def around(self, closure: Closure) -> dict[str, str]:
        """Sees to it that the names that a nested function finds around it mean that in the text; those that cannot,
        because they mean another thing, with expressions for what they are.
        """
        captured: dict[str, str] = {}
        for free in free_names(closure.node):
            value = found_around(self.fr, closure.frame, free)
            if value is None:
                found = closure.frame.find(free)
                if found is None or found[0] == "builtins":
                    continue
                value = self.fr.constant(found[0], free, found[1], self.node)
            if isinstance(value, Closure) and value.node is closure.node:
                continue
            if not self.stand_for(free, value):
                captured[free] = self.value(value, free)
        return captured

    def definition(self, closure: Closure, name: str, is_inside: bool) -> list[str]:
        """The lines of a nested function; `is_inside` another one, whose parameters its defaults should not see."""
        node = closure.node
        arguments = self.arguments(node.args, closure.defaults, is_inside)
        if isinstance(node, gast.Lambda):
            lambda_: str = gast.unparse(gast.Lambda(arguments, node.body)).strip()
            return f"{name} = {lambda_}".splitlines()
        bare = gast.FunctionDef(name, arguments, node.body, [], None, None, [])
        text: str = gast.unparse(gast.fix_missing_locations(bare))
        return text.strip().splitlines()

    def is_free(self, name: str, value: FrontValue) -> bool:
        """Whether a name means nothing in the text, or this."""
        if name in self.named:
            return self.named[name] is value or _is_same(self.named[name], value)
        if name in self.leaves:
            return self.leaves[name] is value
        if name in self.outside:
            return isinstance(value, Known) and self.outside[name] is value.value
        return True

    def arguments(
        self, arguments: gast.arguments, defaults: Mapping[str, FrontValue], is_inside: bool = False
    ) -> Any:
        """Parameters with defaults that are what these were when the function was defined."""
        if not defaults:
            return arguments
        changed = copy.copy(arguments)

        def text_of(name: str) -> str:
            text = self.value(defaults[name], name)
            if not is_inside:
                return text
            kept = self.unused(f"{name}_default")
            self.lines.insert(len(self.lines) - 1, f"{kept} = {text}")  # in front of the `def`
            return kept

        def now(names: Sequence[Any], olds: Sequence[Any]) -> list[object]:
            pairs = zip(names[len(names) - len(olds) :], olds, strict=True)
            texts = [None if old is None else text_of(n.id) for n, old in pairs]
            return [None if t is None else gast.parse(t, mode="eval").body for t in texts]

        changed.defaults = now([*arguments.posonlyargs, *arguments.args], arguments.defaults)
        changed.kw_defaults = now(arguments.kwonlyargs, arguments.kw_defaults)
        return changed

    def stand_for(self, name: str, value: FrontValue) -> bool:
        """Sees to it that a name means a value in the text; False where it means something else."""
        if not self.is_free(name, value):
            return False
        if name in self.named:
            return True
        if isinstance(value, Known) and not hasattr(value.value, "written_by"):
            self.named[name] = value
            self.outside[name] = value.value
            self.taken.add(name)
            return True
        if isinstance(value, Closure):
            text = self.nested(value, name)
            self.named[name] = value
        else:
            self.named[name] = value
            text = self.value(value, name)
        if text != name:
            self.taken.add(name)
            self.lines.append(f"{name} = {text}")
        return True

    def function(
        self, value: FrontValue, name: str, own: Sequence[str], result: str = "{}"
    ) -> FunctionType:
        """A function of what the solver gives (`own`) and of the leaves; `result` says what of its value is meant."""
        if isinstance(value, Closure):
            name = getattr(value.node, "name", name)
        inner = self.callable(value, name)
        name = getattr(value.value, "__name__", name) if isinstance(value, Known) else name
        name = value.name if isinstance(value, Method) else name
        own = [self.renamed(n) for n in own]
        call = result.format(f"{inner}({', '.join([*own, *self.args])})")
        listed = ", ".join([*own, *self.leaves])
        lines = [*self.lines, f"return {call}"]
        name = name if name.isidentifier() else "function"
        own_name = name if name not in self.outside else self.unused(name)
        text = f"def {own_name}({listed}):\n" + "".join(f"    {line}\n" for line in lines)
        found = made(text, own_name, self.outside)
        found.__name__ = name
        return found

    def renamed(self, name: str) -> str:
        return name if name not in self.leaves and name not in self.named else f"{name}_"


def _is_same(a: FrontValue, b: FrontValue) -> bool:
    if isinstance(a, Known) and isinstance(b, Known):
        return a.value is b.value
    if isinstance(a, Const) and isinstance(b, Const):
        return bool(type(a.value) is type(b.value) and a.value == b.value)
    if not isinstance(a, Closure) or not isinstance(b, Closure):
        return False
    return is_same_function(a, b) and all(map(_is_same, parts_of(a), parts_of(b)))


def made(text: str, name: str, outside: Mapping[str, object]) -> FunctionType:
    """The function that a text defines: the same one for the same text and objects."""
    key = (text, name, tuple((k, id(v)) for k, v in sorted(outside.items())))
    if key not in _MADE:
        if len(_MADE) >= _MOST:
            _MADE.clear()
        _MADE[key] = made_function(text, name, outside), dict(outside)
    return _MADE[key][0]


def parameter_names(value: FrontValue) -> list[str] | None:
    """The parameters of a function without those that have defaults; None where they are not known."""
    if isinstance(value, Method) and isinstance(value.function, FunctionType):
        own = parameter_names(Known(value.function))
        return None if own is None else own[1:]
    if isinstance(value, Closure):
        arguments = value.node.args
        names = [a.id for a in (*arguments.posonlyargs, *arguments.args)]
        return None if arguments.vararg else names
    plain = function_of(value.value) if isinstance(value, Known) else None
    if not isinstance(plain, FunctionType):
        given = getattr(getattr(plain, "signature", None), "names", None)
        return None if given is None else list(given)
    found = list(inspect.signature(plain).parameters.values())
    plainly = all(p.kind is p.POSITIONAL_OR_KEYWORD for p in found)
    return [p.name for p in found] if plainly else None


def is_own_function(value: FrontValue) -> bool:
    """Whether this is a function of the user's that can be taken as it is."""
    if not isinstance(value, Known):
        return False
    plain: Callable[..., Any] = function_of(value.value)
    return type(plain) is FunctionType and not is_library(plain) and find(plain) is None


class Places(dict[str, int]):
    """The positions of operands by names: an attribute, which has to be hashable."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


def under_own_name(program: Function, function: Any) -> Function:
    """The function under its own name; texts of ours have docstrings that are printed, the user's are not."""
    doc = function.__doc__ if function.__module__ == "srcdiff_calls" else None
    return replace(program, name=function.__name__, doc=doc or "")


def limits(pairs: Any) -> tuple[list[float], list[float]]:
    """The least and the greatest numbers of pairs, in which None is no limit."""
    lows = [-np.inf if low is None else float(low) for low, _ in pairs]
    return lows, [np.inf if high is None else float(high) for _, high in pairs]


def literal_text(value: object) -> str:
    if isinstance(value, float) and value in (np.inf, -np.inf):
        return "np.inf" if value > 0 else "-np.inf"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k!r}: {literal_text(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        inner = ", ".join(map(literal_text, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    if isinstance(value, np.generic):
        return repr(value.item())
    return repr(value)


def is_no_array(error: UnsupportedError) -> bool:
    """Whether what the user's function returns is no array: the line that makes it one is ours."""
    line = error.location.source_line.strip() if error.location else ""
    ours = error.location is not None and error.location.file.startswith("<srcdiff ")
    return ours and line.startswith("return np.array(")
