"""A cache of Numba's compiled code, in sealed files.

Numba's own cache uses the text of one function as its key, reads its files whoever wrote them, and fails on a truncated
file. `Overloads` replaces it for generated functions.
"""

from __future__ import annotations

import functools
import os
import pickle
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any

from srcdiff.cache.fingerprint import Unknown, fingerprint
from srcdiff.cache.overloads import Overloads
from srcdiff.codegen.module.load import load, text_hash

_UNRESOLVED = ".numba.unresolved$"  # Numba's name for a function that is not compiled yet


def load_compiled(text: str, name: str, bindings: Mapping[str, object]) -> Callable[..., object]:
    """The compiled function `name` of a module with this text, with cached machine code.

    Python functions among the bindings, which the text calls, are compiled, too.
    """
    bindings = {k: _called(v) if type(v) is FunctionType else v for k, v in bindings.items()}
    function = load(text, name, bindings)
    compiled: Any = function
    if not hasattr(compiled, "_cache"):  # Numba is switched off
        return function
    _own_storage(compiled.py_func.__globals__)
    try:
        bound = fingerprint(name, [list(bindings.items())], contents=True).digest
    except Unknown:
        return function
    if not isinstance(compiled._cache, MachineCode):
        namespace = compiled.py_func.__globals__
        _name_threads(namespace)
        _keep_elementary(namespace)
        compiled._cache = MachineCode(name, f"{text_hash(text)} {bound}")
    return function


@functools.lru_cache(maxsize=256)
def _called(function: FunctionType) -> Any:
    """A user's function that has a rule, as compiled code calls it."""
    from numba import njit  # Numba is imported if this runs

    return njit(function)


class MachineCode(Overloads):
    """The compiled forms of one function for the processor."""

    def unpacked(self, content: bytes, target_context: object) -> object:
        from numba.core.compiler import CompileResult  # Numba is imported if this runs

        try:
            outside, *data = pickle.loads(content)
            *_, started_by, _ = data
            _prepare(outside, started_by or (), target_context)
            return CompileResult._rebuild(target_context, *data)
        except (ImportError, AttributeError, LookupError):  # a user's class no longer exists
            return None

    def packed(self, form: Any) -> bytes | str:
        from numba.core.serialize import dumps  # Numba is imported if this runs

        if form.lifted or form.library.has_dynamic_globals:
            return "it holds addresses of this process"
        if any(g.name.startswith(_UNRESOLVED) for g in form.library._final_module.global_variables):
            return "functions that call each other are found in this process only"
        return bytes(dumps((_outside(form.library), *form._reduce())))

    def compiler(self) -> tuple[str, ...]:
        return _of_numba()


def _of_numba() -> tuple[str, ...]:
    """Numba's version, and the options that it gets."""
    import llvmlite  # Numba is imported if this runs
    import numba

    config: Any = numba.core.config
    options = (config.OPT, config.BOUNDSCHECK, config.DEBUGINFO_DEFAULT, config.LOOP_VECTORIZE)
    given = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("NUMBA_"))
    given = [g for g in given if not g.startswith(("NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR"))]
    return (numba.__version__, llvmlite.__version__, repr(options), *given)


def _outside(library: Any) -> tuple[str, ...]:
    """The names that machine code refers to and does not define."""
    module = library._final_module
    named = (*module.functions, *module.global_variables)
    return tuple(f.name for f in named if f.is_declaration and not f.name.startswith("llvm."))


def _own_storage(namespace: dict[str, Any]) -> None:
    """Compile generated functions with `OwnStorage`: LLVM may treat their allocations as unaliased."""
    # Numba is imported if this runs
    from srcdiff.numba_ext.passes.noalias_allocations import OwnStorage

    for value in namespace.values():
        if getattr(getattr(value, "py_func", None), "__globals__", None) is namespace:
            value._compiler.pipeline_class = OwnStorage
            _take_any_numbers(value._compiler)


def _take_any_numbers(compiler: Any) -> None:
    """Prevent a specialisation for each constant argument. A function that calls itself would have two forms, and one
    form would refer to the other by an address of this process.
    """
    from numba.core import types  # Numba is imported if this runs

    fold = compiler.fold_argument_types

    def folded(args: object, kws: object) -> object:
        signature, given = fold(args, kws)
        return signature, tuple(map(types.unliteral, given))

    compiler.fold_argument_types = folded


def _keep_elementary(namespace: dict[str, Any]) -> None:
    """Cache the machine code of srcdiff's `exp`, `log` and others, which new functions call: each takes a tenth of a
    second.
    """
    # Numba is imported if this runs
    from srcdiff.numba_ext.passes.noalias_allocations import OwnStorage

    for value in namespace.values():
        module = getattr(value, "__module__", None) or ""
        if not module.startswith("srcdiff.runtime.") or not hasattr(value, "py_func"):
            continue
        if not isinstance(value._cache, MachineCode):
            value._cache = MachineCode(value.__name__, module)
            value._compiler.pipeline_class = OwnStorage


def _name_threads(namespace: dict[str, object]) -> None:
    """Numba calls its `get_num_threads` by an address of this process; register the symbol's name, too."""
    if "get_num_threads" in namespace:
        from numba.core import types  # Numba is imported if this runs

        signature = types.intp()
        namespace["get_num_threads"] = types.ExternalFunction("get_num_threads", signature)


def _prepare(
    outside: tuple[str, ...], started_by: Iterable[Callable[[], object]], target_context: Any
) -> None:
    """Prepare Numba to run cached code; prepare it for compilation, which takes much longer, only if need be.

    `started_by`: functions that start the threads of parallel loops.
    """
    from llvmlite.binding import address_of_symbol  # Numba is imported if this runs
    from numba.core.runtime.nrt import rtsys

    rtsys.initialize(target_context)
    for start in started_by:
        start()
    if not all(map(address_of_symbol, outside)):
        target_context.refresh()
