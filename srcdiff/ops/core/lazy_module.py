"""Lazy imports: declaring rules for SciPy's functions must not import SciPy."""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """A placeholder for a module; the first access to an attribute imports the module."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return getattr(importlib.import_module(self._name), attribute)

    def __repr__(self) -> str:
        return f"<lazy module {self._name}>"
