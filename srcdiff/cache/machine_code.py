"""What Numba has compiled, kept in sealed files.

Numba's own cache goes by the text of one function, reads its files whoever wrote them, and fails on one that was cut
off. This one stands in its place, for generated functions: a file is found by the digest of the whole module, of what
is bound in it, of the types, the versions and the processor.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any

from srcdiff.cache.fingerprint import Unknown, fingerprint
from srcdiff.cache.versions import versions
from srcdiff.codegen.folder import cache_folder, read_sealed, write_sealed
from srcdiff.codegen.load import load, text_hash
from srcdiff.programs import Stored

__all__ = ["load_compiled"]


def load_compiled(text: str, name: str, bindings: Mapping[str, Any]) -> Callable[..., Any]:
    """The compiled function `name` of a module with this text, whose machine code is kept.

    Python functions among the bindings, which the text calls, are compiled, too.
    """
    bindings = {k: _called(v) if type(v) is FunctionType else v for k, v in bindings.items()}
    function: Any = load(text, name, bindings)
    if not hasattr(function, "_cache"):  # Numba is switched off
        return function  # type: ignore[no-any-return]
    _own_storage(function.py_func.__globals__)
    try:
        bound = fingerprint(name, [list(bindings.items())], contents=True).digest
    except Unknown:
        return function  # type: ignore[no-any-return]
    if not isinstance(function._cache, MachineCode):
        namespace = function.py_func.__globals__
        _name_threads(namespace)
        _keep_elementary(namespace)
        function._cache = MachineCode(name, f"{text_hash(text)} {bound}")
    return function  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=256)
def _called(function: FunctionType) -> Any:
    """A function of the user's that has a rule, for compiled code."""
    from numba import njit  # Numba is there when it asks

    return njit(function)


class MachineCode:
    """The compiled forms of one function, as Numba asks its cache for them.

    Attributes
    ----------
    stored : dict of str to Stored
        What was found or kept, by the types.
    """

    cache_path = None

    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self.module = module
        self.stored: dict[str, Stored] = {}

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was compiled for these types; None where it has to be compiled."""
        from numba.core.compiler import CompileResult  # Numba is there when it asks

        file = self._file(sig, target_context)
        content = read_sealed(file)
        if content is None:
            return None
        try:
            outside, *data = pickle.loads(content)
            *_, started_by, _ = data
            _prepare(outside, started_by or (), target_context)
            found = CompileResult._rebuild(target_context, *data)
        except (ImportError, AttributeError, LookupError):  # a class of the user's is gone
            return None
        if tuple(found.signature.args) != tuple(sig):
            return None
        self.stored[_said(sig)] = Stored(cache_folder() / file, was_found=True)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, unless it holds addresses of this process."""
        from numba.core.serialize import dumps  # Numba is there when it asks

        if data.lifted or data.library.has_dynamic_globals:
            self.stored[_said(sig)] = Stored(reason="it holds addresses of this process")
            return
        content = dumps((_outside(data.library), *data._reduce()))
        self.stored[_said(sig)] = Stored(
            write_sealed(self._file(sig, data.target_context), content)
        )

    def _file(self, sig: Any, target_context: Any) -> str:
        words = (
            self.module,
            str(sig),
            repr(target_context.codegen().magic_tuple()),
            *_of_numba(),
            *versions(),
        )
        return f"{self.name[:80]}_{hashlib.sha256(repr(words).encode()).hexdigest()[:32]}.code"


def _of_numba() -> tuple[str, ...]:
    """Numba's version and what it is told by its options."""
    import llvmlite  # Numba is there when it asks
    import numba

    config: Any = numba.core.config
    options = (config.OPT, config.BOUNDSCHECK, config.DEBUGINFO_DEFAULT, config.LOOP_VECTORIZE)
    given = sorted(f"{k}={v}" for k, v in os.environ.items() if k.startswith("NUMBA_"))
    given = [g for g in given if not g.startswith(("NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR"))]
    return (numba.__version__, llvmlite.__version__, repr(options), *given)


def _said(sig: Any) -> str:
    return ", ".join(map(str, sig))


def _outside(library: Any) -> tuple[str, ...]:
    """The names that machine code refers to and does not define."""
    module = library._final_module
    named = (*module.functions, *module.global_variables)
    return tuple(f.name for f in named if f.is_declaration and not f.name.startswith("llvm."))


def _own_storage(namespace: dict[str, Any]) -> None:
    """What is generated takes storage that LLVM may take for its own."""
    from srcdiff.njit.own_storage import OwnStorage  # Numba is there when it asks

    for value in namespace.values():
        if getattr(getattr(value, "py_func", None), "__globals__", None) is namespace:
            value._compiler.pipeline_class = OwnStorage


def _keep_elementary(namespace: dict[str, Any]) -> None:
    """What new functions call of ours (`exp`, `log`) is compiled once, too: each takes a tenth of a second."""
    for value in namespace.values():
        module = getattr(value, "__module__", None) or ""
        if not module.startswith("srcdiff.runtime.") or not hasattr(value, "py_func"):
            continue
        if not isinstance(value._cache, MachineCode):
            value._cache = MachineCode(value.__name__, module)


def _name_threads(namespace: dict[str, Any]) -> None:
    """Numba calls its `get_num_threads` by an address of this process; here by the name that it has, too."""
    if "get_num_threads" in namespace:
        from numba.core import types  # Numba is there when it asks

        signature = types.intp()
        namespace["get_num_threads"] = types.ExternalFunction("get_num_threads", signature)


def _prepare(
    outside: tuple[str, ...], started_by: Iterable[Callable[[], Any]], target_context: Any
) -> None:
    """Set Numba up for running what it has compiled before; for compiling, which takes much longer, only if need be.

    `started_by`: what parallel loops need is started by.
    """
    from llvmlite.binding import address_of_symbol  # Numba is there when it asks
    from numba.core.runtime.nrt import rtsys

    rtsys.initialize(target_context)
    for start in started_by:
        start()
    if not all(map(address_of_symbol, outside)):
        target_context.refresh()
