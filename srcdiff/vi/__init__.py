"""Variational inference: distributions, and what is generated from models that draw from them."""

import importlib
from typing import Any

_LATER = {
    "constraints": "srcdiff.vi.distributions.constraints",
    "dist": "srcdiff.vi.distributions",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        found = globals()[name] = importlib.import_module(_LATER[name])
        return found
    raise AttributeError(f"module 'srcdiff.vi' has no attribute {name!r}")
