"""The fast path of calls: generated lines that recognise the arguments of a specialisation, and call it directly.

    def call(args):
        if len(args) != 2:
            return MISS
        x, k = args
        if type(x) is not ndarray or x.dtype is not dtype_1 or x.ndim != 1 or not x.flags.carray:
            return MISS
        n_1, = x.shape
        if n_1 == 1 or type(k) is not float:
            return MISS
        return run(x, k)

Arguments that they do not recognise are bound and typed as in a first call, so the tests may be strict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from srcdiff.compile.arguments.signature import Arguments, Signature
from srcdiff.compile.derivations.kinds import Sample, Vjp
from srcdiff.compile.program import Program
from srcdiff.handles.compiling.jit import Compiled
from srcdiff.ir.core import Tree
from srcdiff.ir.types import (
    Array,
    Clamp,
    Dim,
    List,
    Product,
    Quotient,
    Scalar,
    Size,
    Static,
    Struct,
    Type,
)

MISS: Any = object()  # the result of a call with other arguments

_PYTHON = {"float64": float, "int64": int, "bool": bool, "complex128": complex}
_MOST_PAIRS = 8  # of arrays that are checked for overlap


class DirectCall(Protocol):
    def __call__(self, args: tuple[object, ...], /) -> Any: ...


class _Unfit(Exception):
    """Raised for a kind of argument that the fast path does not recognise."""


def direct_call(
    program: Program, signature: Signature, arguments: Arguments, run: object
) -> DirectCall | None:
    """The call of `run`, a `Compiled` or the NumPy function; None where types do not determine the arguments."""
    if signature.keyword_only or (signature.further and not isinstance(run, Compiled)):
        return None
    try:
        return _Writer(program, arguments, run).written(signature)
    except _Unfit:
        return None


class _Writer:
    """The text of a call, and the objects that it refers to."""

    def __init__(self, program: Program, arguments: Arguments, run: object) -> None:
        self.program = program
        self.arguments = arguments
        self.compiled = run if isinstance(run, Compiled) else None
        self.names: dict[str, Any] = {"MISS": MISS, "ndarray": np.ndarray}
        self.names["run"] = run if self.compiled is None else self.compiled.function
        self.lines: list[str] = []
        self.lengths: dict[str, str] = {}
        self.arrays: dict[tuple[str, tuple[Any, ...]], str] = {}

    def written(self, signature: Signature) -> DirectCall:
        params = [f"a{k}" for k in range(len(signature.names) + len(signature.further))]
        self.miss(f"len(args) != {len(params)}")
        if params:
            self.lines.append(f"    {', '.join(params)}, = args")
        values = []
        for k, (text, type_) in enumerate(zip(params, self.arguments.types, strict=False)):
            self.floats(text, type_, k)
            values.append(self.argument(text, type_, self.arguments.names[k], ()))
        self.facts()
        if signature.further:
            values += self.further(params[len(values) :], signature)
        self.call(values)
        source = "\n".join(["def call(args):", *self.lines])
        exec(compile(source, "<srcdiff call>", "exec"), self.names)
        made: DirectCall = self.names["call"]
        return made

    def further(self, texts: Sequence[str], signature: Signature) -> Sequence[str]:
        """Tangents and weights after the arguments; their types are those of the compiled program's parameters."""
        assert self.compiled is not None
        if isinstance(self.program.derivation, Sample):  # a generator of random numbers
            self.miss(f"type({texts[0]}) is not {self.bound(np.random.Generator)}")
            return texts
        types = self.compiled.program.types[len(self.arguments.types) :]
        parts = list(texts)
        if isinstance(self.program.derivation, Vjp):
            parts = list(self.weights(texts[0], self.program.weights))
        elif signature.spread:
            self.miss(f"type({texts[0]}) is not tuple or len({texts[0]}) != {len(types)}")
            parts = [f"{texts[0]}[{k}]" for k in range(len(types))]
        if len(parts) != len(types) or any(isinstance(t, Struct | Static) for t in types):
            raise _Unfit
        pairs = zip(parts, types, strict=True)
        return [self.tangent(text, type_) for text, type_ in pairs]

    def tangent(self, text: str, type_: Type) -> str:
        """A tangent or weight: for compiled code, a Python number and a NumPy number are the same."""
        if isinstance(type_, Scalar) and type_.dtype == "float64":
            numbers = f"{self.bound(float)} and type({text}) is not {self.bound(np.float64)}"
            self.miss(f"type({text}) is not {numbers}")
            return text
        return self.argument(text, type_, "", (text,))

    def weights(self, text: str, shape: Any) -> Iterator[str]:
        """The weights of a result's parts, as the program takes them; see `Program.weights`."""
        if isinstance(shape, bool):
            yield from [text] if shape else []
            return
        self.miss(f"type({text}) is not tuple or len({text}) != {len(shape)}")
        for k, inner in enumerate(shape):
            yield from self.weights(f"{text}[{k}]", inner)

    def miss(self, condition: str) -> None:
        self.lines += [f"    if {condition}:", "        return MISS"]

    def bound(self, value: object) -> str:
        """A name for an object."""
        for name, known in self.names.items():
            if known is value:
                return name
        name = f"v{len(self.names)}"
        self.names[name] = value
        return name

    # ---- arguments -------------------------------------------------------------------------------

    def floats(self, text: str, type_: Type, k: int) -> None:
        """Convert an integer that is given for a differentiated float."""
        is_float = isinstance(type_, Scalar) and type_.weak and type_.dtype == "float64"
        if k in self.arguments.wrt and is_float:
            self.lines += [f"    if type({text}) is int:", f"        {text} = float({text})"]

    def argument(self, text: str, type_: Type, name: str, keys: tuple[object, ...]) -> str:
        """Test an argument, or a part of one; returns the text of the value for the program."""
        match type_:
            case Array():
                self.array(text, type_)
                self.arrays[name, keys] = text
                return text
            case Scalar():
                self.scalar(text, type_, name if not keys else "")
                return text
            case Static():
                return self.static(text, type_.value)
            case Struct():
                return self.struct(text, type_, name, keys)
        raise _Unfit

    def array(self, text: str, type_: Array) -> None:
        dtype = self.bound(np.dtype(type_.dtype))
        layout = "c_contiguous" if self.compiled is None else "carray"
        self.miss(
            f"type({text}) is not ndarray or {text}.dtype is not {dtype} or {text}.ndim != {type_.ndim}"
            f" or not {text}.flags.{layout}"
        )
        own = [f"n{len(self.lengths) + k}" for k in range(type_.ndim)]
        self.lines.append(f"    {', '.join(own)}, = {text}.shape")
        wrong = [self.misfit(length, dim) for length, dim in zip(own, type_.shape, strict=True)]
        self.miss(" or ".join(wrong))

    def misfit(self, length: str, dim: Dim) -> str:
        """The test whether an axis differs from the type."""
        known = dim.is_const or dim.symbol is None or dim.symbol in self.lengths
        self.lengths.setdefault(f"={length}" if known else str(dim.symbol), length)
        return f"{length} != {self.length(dim)}" if known else f"{length} == 1"

    def scalar(self, text: str, type_: Scalar, name: str) -> None:
        python = _PYTHON.get(type_.dtype) if type_.weak else None
        expected = python or np.dtype(type_.dtype).type
        self.miss(f"type({text}) is not {self.bound(expected)}")
        if type_.expr is not None and type_.expr.symbol is not None:
            self.lengths[type_.expr.symbol] = text
        if name and type_.dtype == "bool":
            self.lengths[name] = text

    def static(self, text: str, value: object) -> str:
        if type(value) in (bool, int, float, str):
            kind = self.bound(type(value))
            self.miss(f"type({text}) is not {kind} or {text} != {self.bound(value)}")
        elif value is None or callable(value):
            self.miss(f"{text} is not {self.bound(value)}")
        else:
            raise _Unfit
        is_kept = self.compiled is None or isinstance(value, bool | int | float | str)
        return text if is_kept else "None"

    def struct(self, text: str, type_: Struct, name: str, keys: tuple[object, ...]) -> str:
        """A container: its kind and keys, then its parts."""
        kinds = {"tuple": tuple, "list": list, "dict": dict}
        cls = self.bound(type_.cls or kinds.get(type_.kind))
        count = len(type_.parts)
        if type_.kind == "dict":
            self.miss(f"type({text}) is not {cls} or tuple({text}) != {self.bound(type_.keys)}")
        elif type_.kind in ("dataclass", "generator"):
            self.miss(f"type({text}) is not {cls}")
        else:
            self.miss(f"type({text}) is not {cls} or len({text}) != {count}")
        if type_.kind == "generator":
            return text  # compiled code takes it as it is
        parts = []
        for key, part in zip(type_.keys, type_.parts, strict=True):
            own = f"{text}_{len(self.lines)}"
            by_name = type_.kind in ("namedtuple", "dataclass")
            taken = f"{text}.{key}" if by_name else f"{text}[{self.bound_key(key)}]"
            self.lines.append(f"    {own} = {taken}")
            parts.append(self.argument(own, part, name, (*keys, key)))
        if self.compiled is None:
            return text
        listed = "".join(f"{p}, " for p in parts)
        return f"{cls}({listed})" if type_.kind == "namedtuple" else f"({listed})"

    def bound_key(self, key: object) -> str:
        return repr(key) if isinstance(key, int | str) else self.bound(key)

    # ---- assumptions -----------------------------------------------------------------------------

    def facts(self) -> None:
        p = self.program
        loops = None if self.compiled is None else self.compiled.program
        narrow = () if loops is None else loops.assumptions
        for left, right in dict.fromkeys((*p.assumptions, *narrow)):
            self.miss(f"{self.length(left)} != {self.length(right)}")
        for dim, most in () if loops is None else loops.below:
            self.miss(f"{self.length(dim)} >= {most}")
        for symbol in p.counts:
            self.miss(f"{self.length(Dim.of(symbol))} < 0")
        sizes = () if loops is None else loops.at_most
        for few, many in dict.fromkeys((*p.at_most, *sizes)):
            self.miss(f"{self.size(few)} > {self.size(many)}")
        for watched in p.watched:
            self.miss(f"not {self.bound(watched.quick())}()")
        if p.written:
            self.unpacked()

    def length(self, dim: Dim) -> str:
        terms = [str(dim.const)] if dim.const or not dim.terms else []
        for symbol, factor in dim.terms:
            if isinstance(symbol, Clamp):
                inner = f"max({self.length(symbol.inner)}, 0)"
            elif isinstance(symbol, Quotient):
                inner = f"(({self.length(symbol.inner)}) // {symbol.by})"
            elif isinstance(symbol, Product):
                inner = " * ".join(f"({self.length(f)})" for f in symbol.factors)
            elif symbol in self.lengths:
                inner = self.lengths[symbol]
            else:
                raise _Unfit
            terms.append(inner if factor == 1 else f"{factor} * {inner}")
        return " + ".join(terms)

    def size(self, size: Size) -> str:
        products = [" * ".join(f"({self.length(d)})" for d in shape) or "1" for shape in size]
        return " + ".join(products)

    def unpacked(self) -> None:
        """Test that written arrays overlap with no other array."""
        others = [*self.arrays.values(), *map(self.bound, self.program.arrays.values())]
        keys = [(name, tuple(keys)) for name, keys in self.program.written]
        written = [self.arrays[key] for key in keys if key in self.arrays]  # not numbers
        pairs = {frozenset((w, o)) for w in written for o in others if w != o}
        if len(pairs) > _MOST_PAIRS:
            raise _Unfit
        overlap = self.bound(np.may_share_memory)
        for pair in sorted(map(sorted, pairs)):
            self.miss(f"{overlap}({', '.join(pair)})")

    # ---- the call ----------------------------------------------------------------------------------

    def call(self, values: Sequence[str]) -> None:
        if self.compiled is None:
            self.lines.append(f"    return run({', '.join(values)})")
            return
        outside = [self.bound(a) for a in self.compiled.program.outside]
        for name in outside:
            self.miss(f"not {name}.flags.carray")
        found = f"run({', '.join([*values, *outside])})"
        if self.compiled.gives_plain:
            self.lines.append(f"    return {found}")
        else:
            output = self.compiled.program.output
            self.lines += [f"    found = {found}", f"    return {self.restored('found', output)}"]

    def restored(self, text: str, tree: Tree) -> str:
        """The user's containers from tuples."""
        assert self.compiled is not None
        if isinstance(tree, int):
            leaf = self.compiled.program.results[tree]
            if isinstance(leaf, List | Struct):
                raise _Unfit
            return text
        parts = [self.restored(f"{text}[{k}]", child) for k, child in enumerate(tree.children)]
        if tree.kind in ("tuple", "list"):
            listed = "".join(f"{p}, " for p in parts)
            return f"({listed})" if tree.kind == "tuple" else f"[{listed}]"
        if tree.kind == "dict":
            pairs = zip(map(self.bound_key, tree.keys), parts, strict=True)
            return f"{{{', '.join(f'{k}: {p}' for k, p in pairs)}}}"
        assert tree.cls is not None
        pairs = zip(tree.keys, parts, strict=True)
        return f"{self.bound(tree.cls)}({', '.join(f'{k}={p}' for k, p in pairs)})"
