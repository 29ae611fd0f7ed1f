"""Pickle references: a pickle holds a function by its name, and unpickling looks the name up."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import Any

from srcdiff.compile.program import Derived


@dataclass(frozen=True)
class _ByName:
    """A reference to a function by module and name."""

    module: str
    qualname: str

    def find(self) -> Any:
        try:
            found: Any = importlib.import_module(self.module)
            for part in self.qualname.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            return None
        # the name is bound to the function itself, or to a `Differentiable` around it
        return (
            found
            if type(found).__module__ != "srcdiff.handles.differentiable"
            else found.__wrapped__
        )


def reference(derived: Derived) -> Derived:
    """`derived` with a reference to its function; None for a function that no name leads to."""
    base = derived.base
    if base is None or isinstance(getattr(base, "derived", None), Derived):
        return derived
    found = _ByName(getattr(base, "__module__", "") or "", getattr(base, "__qualname__", ""))
    is_found = found.module and "<" not in found.qualname and found.find() is base
    return replace(derived, base=found if is_found else None)


def found_again(derived: Derived) -> Derived:
    """`derived` with the function that its name leads to here."""
    return (
        replace(derived, base=derived.base.find()) if isinstance(derived.base, _ByName) else derived
    )


def is_lost(derived: Derived) -> bool:
    """Whether the function was not found again by unpickling."""
    inner = getattr(derived.base, "derived", None)
    return is_lost(inner) if isinstance(inner, Derived) else derived.base is None
