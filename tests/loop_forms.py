"""The loop form of a derivative, as text and as a plain Python function."""

from __future__ import annotations

import linecache
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from srcdiff.codegen.module.module import bindings_of, to_source
from srcdiff.compile.derive import derive
from srcdiff.frontend.rule_parser import parse_expansion
from srcdiff.handles.generated import Generated
from srcdiff.ir.core import Function
from srcdiff.transforms.loop_pipeline import to_loops
from srcdiff.transforms.passes import Recorder


def loop_form(
    g: Generated,
    args: tuple[Any, ...],
    threads: int | None = 0,
    any_lengths: bool = False,
    verify: bool = True,
) -> Function:
    """The loop form of a generated function for these arguments, verified after each pass; with `any_lengths`, as
    compiled code calls it.
    """
    recorder = Recorder(verify=verify)
    arguments = g.signature.bind(args, {}, frozenset())
    if any_lengths:
        arguments = replace(arguments, lengths={}, any_lengths=True)
    fn = derive(g.derived, arguments, recorder, machine=True)
    fastmath = g.derived.options.fastmath
    return to_loops(
        fn,
        arguments.lengths,
        parse_expansion,
        recorder,
        fastmath,
        threads,
        narrow=not any_lengths,
    )


_NUMBA = """njit = lambda **_: lambda f: f
prange = range
get_num_threads = lambda: 3"""


def in_python(text: str) -> str:
    """The text without Numba: three threads, one after the other."""
    return re.sub(r"^from numba import .*$", _NUMBA, text, count=1, flags=re.MULTILINE)


def as_python(fn: Function) -> Callable[..., Any]:
    """The loop form as Python runs it."""
    text = in_python(to_source(fn))
    file = f"<loops {zlib.crc32(text.encode())}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = dict(bindings_of(fn))
    exec(compile(text, file, "exec"), namespace)
    found: Callable[..., Any] = namespace[fn.name]
    return found


class Guarded(np.ndarray):
    """An array that refuses subscripts outside of its bounds: compiled code would touch what is there."""

    def __getitem__(self, key: Any) -> Any:
        self.look(key)
        return super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.look(key)
        super().__setitem__(key, value)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def look(self, key: Any) -> None:
        keys = key if isinstance(key, tuple) else (key,)
        for k, n in zip(keys, self.shape, strict=False):
            assert not isinstance(k, int | np.integer) or -n <= k < n, "memory outside was touched"
