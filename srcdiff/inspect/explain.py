"""A report on a call: its specialisation and the reasons for it, the form that runs, the times, and the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from srcdiff.compile.loop_program import LoopProgram
from srcdiff.compile.program import Program, Stored
from srcdiff.handles.compiling.jit import Compiled
from srcdiff.handles.generated import Generated
from srcdiff.handles.specialisations import Specialisation
from srcdiff.inspect.arguments import called_with
from srcdiff.ir.dims import is_clamp_of
from srcdiff.ir.types import Array, Dim, List, Scalar, Size, Static, Struct, Type


@dataclass(frozen=True)
class Explanation:
    """A specialisation in words; printing it shows all fields.

    Attributes
    ----------
    name : str
        The generated function.
    arguments : dict from str to str
        The part of each parameter that the specialisation depends on: dtype, axes, values that matter when compiling.
    because : tuple of str
        The differences between the arguments and those of the specialisation before; empty for the first.
    assumes : tuple of str
        Assumptions about lengths and integers; a call that violates one gets another specialisation.
    rewritten : tuple of str
        The named rewritings that changed one of the user's lines in the form that runs, or will run; see
        docs/rewriting.md.
    outside : int
        The number of objects outside the function that the specialisation depends on (globals, captured variables,
        helpers).
    runs : str
        "compiled", "NumPy" (with `jit="auto"` and until when), or "nothing yet".
    decided : str
        With `jit="auto"`, why a compilation was requested; empty as long as it was not.
    in_threads : bool
        Whether the loop form distributes loops over threads.
    refused : str
        The reason why the function could not be compiled.
    seconds : dict from str to float
        The time of generation, by pass; "compile" is Numba's part.
    files : dict from str to str
        The paths of the readable source and of the loop form.
    signatures : tuple of str
        The types, in Numba's terms, for which the function was compiled.
    cache : dict from str to str
        The parts that were found in the cache folder or are kept there, and otherwise the reasons.
    """

    name: str
    arguments: Mapping[str, str]
    because: tuple[str, ...] = ()
    assumes: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    outside: int = 0
    runs: str = "nothing yet"
    decided: str = ""
    in_threads: bool = False
    refused: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    signatures: tuple[str, ...] = ()
    cache: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        yield f"{self.name}, specialised for"
        yield from (f"    {name}: {what}" for name, what in self.arguments.items())
        if self.because:
            yield "another than the one before:"
            yield from (f"    {line}" for line in self.because)
        if self.assumes:
            yield "as long as"
            yield from (f"    {line}" for line in self.assumes)
        if self.outside:
            one = self.outside == 1
            things = "1 thing" if one else f"{self.outside} things"
            yield f"and {things} outside the function {'is what it was' if one else 'are what they were'}"
        if self.rewritten:
            yield "rewritten"
            yield from (f"    {line}" for line in self.rewritten)
        more = f" ({self.refused})" if self.refused else ", in threads" if self.in_threads else ""
        yield f"runs: {self.runs}{more}"
        if self.decided:
            yield f"compiling was requested: {self.decided}"
        generating = sum(s for name, s in self.seconds.items() if name != "compile")
        yield f"generated in {generating:.3f} s"
        if "compile" in self.seconds:
            yield f"compiled in {self.seconds['compile']:.3f} s for {'; '.join(self.signatures)}"
        yield from (f"{what}: {path}" for what, path in self.files.items())
        yield from (f"cache, {what}: {how}" for what, how in self.cache.items())


def explain(g: object, *args: object, **kwargs: object) -> Explanation:
    """The specialisation for these arguments, the form that runs, the times and the files.

    The program is generated if there is none; nothing is run or compiled.

    Parameters
    ----------
    g
        A generated function; `f.vjp` and `f.jvp` are called as they are.
    *args, **kwargs
        The arguments of a call.

    Examples
    --------
    >>> import numpy as np
    >>> import srcdiff
    >>> g = srcdiff.grad(lambda x, k: np.sum(x**k))
    >>> srcdiff.explain(g, np.ones(3), 2).arguments
    {'x': 'float64[x0]', 'k': 'int'}
    """
    handle, args, kwargs = called_with("explain", g, args, kwargs)
    before = handle.latest
    return _explained(handle, handle.specialise(*args, **kwargs), before)


def _explained(g: Generated, made: Specialisation, before: Specialisation | None) -> Explanation:
    arguments = made.arguments
    types = {} if arguments is None else dict(zip(arguments.names, arguments.types, strict=True))
    program, compiled = made.program, made.compiled
    seconds = dict(program.seconds)
    files = {"source": made.function.__code__.co_filename}
    cache = {"source": program.stored}
    signatures: Sequence[Any] = ()
    if compiled is not None and compiled.function is not None:
        function: Any = compiled.function
        seconds["compile"] = compiled.seconds
        files["loop form"] = function.py_func.__code__.co_filename
        signatures = function.signatures
        cache["loop form"] = compiled.program.stored
        kept: Mapping[str, Stored] = getattr(function._cache, "stored", {})
        cache |= {f"machine code for {types}": stored for types, stored in kept.items()}
    is_compiled = made.run is not None and made.run is compiled
    form: Program | LoopProgram | None = compiled.program if is_compiled and compiled else None
    if made.run is None:  # the form that the first call will run
        form = g.loop_form(made)
    return Explanation(
        name=g.__name__,
        arguments={name: described(t) for name, t in types.items()},
        because=tuple(_because(types, before)) if before is not made else (),
        assumes=tuple(dict.fromkeys(_facts(program, compiled))),
        rewritten=tuple(
            name if at is None else f"{name}: {at.source_line.strip()} ({at})"
            for name, at in (form or program).rewritten
        ),
        outside=len(program.watched),
        runs=_form(made, is_compiled),
        decided="" if made.tier is None else made.tier.decided,
        in_threads=compiled is not None and compiled.program.in_threads,
        refused=made.refused,
        seconds=seconds,
        files=files,
        signatures=tuple(", ".join(map(str, s)) for s in signatures),
        cache={what: _how(stored) for what, stored in cache.items()},
    )


def _form(made: Specialisation, is_compiled: bool) -> str:
    if made.run is not None:
        return "compiled" if is_compiled else "NumPy"
    if made.tier is None:
        return "nothing yet"
    return {"compiling": "NumPy, while it is compiled", "comparing": "compiled"}.get(
        made.tier.state, "NumPy, until calls take as long as compiling"
    )


def _how(stored: Stored) -> str:
    if stored.path is None:
        return f"not kept{', ' if stored.reason else ''}{stored.reason}"
    return f"{'found in' if stored.was_found else 'kept in'} {stored.path}"


def _because(types: Mapping[str, Type], before: Specialisation | None) -> Iterator[str]:
    if before is None or before.arguments is None:
        return
    earlier = dict(zip(before.arguments.names, before.arguments.types, strict=True))
    for name, type_ in types.items():
        if name in earlier and type_ != earlier[name]:
            yield f"{name} is {described(type_)}, and was {described(earlier[name])}"


def _facts(program: Program, compiled: Compiled | None) -> Iterator[str]:
    """The assumptions about lengths and integers."""
    narrow = () if compiled is None else compiled.program.assumptions
    for left, right in (*program.assumptions, *narrow):
        if is_clamp_of(left, right):
            terms = [(s, k) for s, k in right.terms]
            above = Dim(max(right.const, 0), tuple((s, k) for s, k in terms if k > 0))
            below = Dim(max(-right.const, 0), tuple((s, -k) for s, k in terms if k < 0))
            yield f"{above} >= {below}"
        else:
            yield f"{left} == {right}"
    yield from (f"{symbol} >= 0" for symbol in program.counts)
    if compiled is not None:
        yield from (f"{dim} < {most}" for dim, most in compiled.program.below)
        for few, many in compiled.program.at_most:
            if (few, many) not in program.at_most:
                yield f"{_product_text(few)} <= {_product_text(many)} operations"


def _product_text(size: Size) -> str:
    """A sum of products of lengths."""
    texts = []
    for shape in size:
        factors = [f"({d})" if len(d.terms) + bool(d.const) > 1 else str(d) for d in shape]
        texts.append(" * ".join(factors) or "1")
    return " + ".join(texts)


def described(type_: Type) -> str:
    """A type in a few words: `float64[x0, 1]`, `a float`, `dict of W, b`."""
    match type_:
        case Array():
            return f"{type_.dtype}[{', '.join(map(str, type_.shape))}]"
        case Scalar():
            python = {"float64": "float", "int64": "int", "bool": "bool", "complex128": "complex"}
            return python.get(type_.dtype, type_.dtype) if type_.weak else type_.dtype
        case List():
            return f"list of {described(type_.element)}"
        case Struct():
            parts = (
                f"{key}: {described(t)}" for key, t in zip(type_.keys, type_.parts, strict=True)
            )
            kind = type_.cls.__name__ if type_.cls is not None else type_.kind
            return f"{kind}({', '.join(parts)})"
        case Static():
            return f"the value {type_.value!r}"
