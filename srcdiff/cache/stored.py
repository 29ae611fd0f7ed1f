"""A persistent cache of generated programs: another process finds them without transforming.

The key of a record is the digest of all that a program depends on (`fingerprint.py`), the types of the arguments, the
options, and the versions of Python, NumPy and srcdiff's files. So no file in the folder is ever out of date: a changed
dependence gives another key. A record holds programs for several relations of lengths, newest first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from srcdiff.cache.fingerprint import Fingerprint, Unknown, fingerprint
from srcdiff.cache.records import Changed, from_record, to_record
from srcdiff.cache.versions import versions
from srcdiff.codegen.module.cache_dir import cache_folder, read_sealed, write_sealed
from srcdiff.compile.arguments.signature import Arguments
from srcdiff.compile.loop_program import LoopProgram, shares_loops
from srcdiff.compile.program import Derived, Program, Stored
from srcdiff.ir.types import List, Static, Struct, Type
from srcdiff.options import OWN_REWRITINGS

_MOST = 8  # programs in a record
_Made = TypeVar("_Made", Program, LoopProgram)


def build(derived: Derived, arguments: Arguments, shared: dict[object, object]) -> Program:
    """The program for arguments of these types: found in the cache, or generated and kept. `shared` receives the parts
    from which the loop form is built, too.
    """

    def make() -> Program:
        from srcdiff.compile.build import build  # the stages are slow to import

        return build(derived, arguments, shared=shared)

    return _stored(Program, derived, arguments, make)


def build_loops(
    derived: Derived,
    arguments: Arguments,
    bound: bool = False,
    shared: dict[object, object] | None = None,
) -> LoopProgram:
    """The loop form for arguments of these types: found, or generated and kept; `bound`: arrays from outside are
    objects that its text refers to; `shared`: the parts that `build` left there.
    """

    def make() -> LoopProgram:
        from srcdiff.compile.build import build_loops  # the stages are slow to import

        return build_loops(derived, arguments, bound, shared)

    return _stored(LoopProgram, derived, arguments, make, bound)


def _stored(
    cls: type[_Made],
    derived: Derived,
    arguments: Arguments,
    make: Callable[[], _Made],
    bound: bool = False,
) -> _Made:
    if os.environ.get("SRCDIFF_VERIFY") or os.environ.get(
        "SRCDIFF_VALIDATE"
    ):  # these variables check passes, so passes must run
        return make()
    found: _Made | None
    try:
        record = _Record.of(cls, derived, arguments, bound)
    except Unknown as reason:
        return replace(make(), stored=Stored(reason=f"it depends on {reason}"))
    found = record.find(arguments)
    if found is None:
        found = make()
        now = _Record.of(cls, derived, arguments, bound)
        is_same = now.seen.digest == record.seen.digest
        if getattr(found, "dynamic", ()):
            return found
        kept = record.keep(found, arguments) if is_same else Stored(reason="it changed meanwhile")
        found = replace(found, stored=kept)
    return found


@dataclass
class _Record:
    """The record of programs with equal dependences."""

    cls: type[Any]
    derived: Derived
    seen: Fingerprint

    @classmethod
    def of(cls, made: type, derived: Derived, arguments: Arguments, bound: bool = False) -> _Record:
        roots: list[Any] = []
        words: list[str] = [made.__name__, str(bound), *versions()]
        base: Any = derived
        while isinstance(base, Derived):  # a generated function may be derived from another
            own = base.derivation, base.options, base.wrt, base.name, base.as_tuple
            words += map(str, own)
            base = getattr(base.base, "derived", base.base)
        words += map(str, sorted(OWN_REWRITINGS.items()))
        words += [_words(t, roots) for t in arguments.types]
        words += [*arguments.names, str(arguments.wrt), str(arguments.no_tangents)]
        lengths = arguments.lengths.values()
        if arguments.any_lengths:
            words.append(f"any lengths but {sorted(arguments.lengths.items())}")
        elif made is LoopProgram:  # small products are loops, and small axes are written out
            sizes = (-n if 1 < n <= 4 else min(max(n, 0).bit_length(), 12) // 3 for n in lengths)
            words.append(str([*sizes]))
        if made is LoopProgram and shares_loops(derived, arguments, bound):
            words.append("threads")
        defaults = list(arguments.defaults.items())
        return cls(made, derived, fingerprint(json.dumps(words), [base, *roots, defaults]))

    @property
    def name(self) -> str:
        form = "loops" if self.cls is LoopProgram else "arrays"
        return f"{self.derived.name[:80]}_{self.seen.digest[:32]}.{form}"

    def find(self, arguments: Arguments) -> Any:
        content = self._content()
        if "static" in content:
            inner = _with_static(arguments, content["static"])
            return _Record.of(self.cls, self.derived, inner).find(inner)
        for given in content.get("programs", ()):
            try:
                program = from_record(self.cls, given, self.seen)
            except Changed:
                continue
            if arguments.any_lengths or program.fits(arguments.lengths):
                return replace(program, stored=Stored(cache_folder() / self.name, was_found=True))
        return None

    def _content(self) -> dict[str, Any]:
        content = read_sealed(self.name)
        return {} if content is None else json.loads(content)

    def keep(self, program: object, arguments: Arguments) -> Stored:
        """Keep a program. A program that depends on values of arguments is kept under a digest that includes these
        values.
        """
        try:
            missing: frozenset[str] = getattr(program, "static", frozenset()) - _static_names(
                arguments
            )
            if missing and not arguments.any_lengths:
                names = sorted(missing)
                write_sealed(self.name, json.dumps({"static": names}).encode())
                inner = _with_static(arguments, names)
                return _Record.of(self.cls, self.derived, inner).keep(program, inner)
            record = to_record(program, self.seen)
        except Unknown as reason:
            return Stored(reason=f"it depends on {reason}")
        known = self._content().get("programs", [])
        content = {"programs": [record, *known[: _MOST - 1]]}
        path = write_sealed(self.name, json.dumps(content).encode())
        return Stored(path, reason="" if path else "there is no folder to keep it in")


def _static_names(arguments: Arguments) -> frozenset[str]:
    named = zip(arguments.names, arguments.types, strict=True)
    return frozenset(n for n, t in named if isinstance(t, Static))


def _with_static(arguments: Arguments, names: list[str]) -> Arguments:
    """The arguments with static types for values that the program depends on."""
    known = zip(arguments.names, arguments.types, arguments.values, strict=False)
    return replace(arguments, types=tuple(Static(v) if n in names else t for n, t, v in known))


def _words(type_: Type, roots: list[object]) -> str:
    """A type as text; the objects in it are added to `roots`."""
    match type_:
        case Static():
            roots.append(type_.value)
            return "static"
        case Struct():
            roots.append(type_.cls)
            parts = [_words(p, roots) for p in type_.parts]
            return f"{type_.kind}{[repr(k) for k in type_.keys]}{parts}"
        case List():
            return f"list({_words(type_.element, roots)})"
    return str(type_)
