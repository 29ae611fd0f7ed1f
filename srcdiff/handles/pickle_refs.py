"""Functions as pickles hold them: by name, and found again where the name means something."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from typing import Any

from srcdiff.compile.program import Derived

__all__ = ["found_again", "is_lost", "reference"]


@dataclass(frozen=True)
class _ByName:
    """A function as a pickle finds it again."""

    module: str
    qualname: str

    def find(self) -> Any:
        try:
            found: Any = importlib.import_module(self.module)
            for part in self.qualname.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            return None
        # the function itself may be what the name means, or `@differentiate` stands around it
        return (
            found
            if type(found).__module__ != "srcdiff.handles.differentiable"
            else found.__wrapped__
        )


def reference(derived: Derived) -> Derived:
    """`derived` with a name for its function; None for one that a name does not lead to."""
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
