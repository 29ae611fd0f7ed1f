"""Whether this process may share loops out to Numba's threads by its own decision (`parallel="auto"`).

They may be shared out unless

* there is one thread only,
* the threads take no calls from several threads at a time (Numba's layer "workqueue", the last resort of platforms
  without OpenMP and TBB, ends the process then),
* the process was forked off one whose threads had run: GNU's OpenMP ends such a process at its first parallel loop,
* it is a worker of `multiprocessing`, whose fellows have the processor's other cores.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from typing import Any

_LAYERS = {
    "threadsafe": ("tbb", "omp"),
    "safe": ("tbb",),
    "forksafe": ("tbb", "workqueue"),
}
_MODULES = {"omp": "omppool", "tbb": "tbbpool"}
_forked = False  # off a process whose threads had run


def may_share_loops() -> bool:
    """Whether loops may be shared out."""
    if _forked or is_worker():
        return False
    import numba  # half a second; the caller compiles next
    from numba.np.ufunc import parallel

    if numba.config.NUMBA_NUM_THREADS < 2:  # type: ignore[attr-defined]
        return False
    if not parallel._is_initialized:
        return _layer(numba.config) in ("omp", "tbb")
    return parallel._threading_layer != "workqueue" and numba.get_num_threads() > 1


def is_worker() -> bool:
    """Whether this is a process of `multiprocessing`, whose fellows have the other cores."""
    module = sys.modules.get("multiprocessing.process")
    return module is not None and module.parent_process() is not None


def _layer(config: types.ModuleType) -> str:
    """The layer that Numba will choose, without starting it."""
    chosen = str(config.THREADING_LAYER).lower()
    if chosen == "default":
        names = config.THREADING_LAYER_PRIORITY
    else:
        names = _LAYERS.get(chosen, (chosen,))
    return next((name for name in names if _is_there(name)), "")


def _is_there(layer: str) -> bool:
    from numba.np.ufunc import parallel  # Numba is there by now

    try:
        if layer == "tbb":
            check: Any = parallel._check_tbb_version_compatible
            check()
        importlib.import_module(f"numba.np.ufunc.{_MODULES.get(layer, layer)}")
    except ImportError:
        return False
    return True


def _after_fork() -> None:
    global _forked
    _forked |= bool(getattr(sys.modules.get("numba.np.ufunc.parallel"), "_is_initialized", False))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
