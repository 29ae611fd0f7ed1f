"""Names of values: a value that was made for a name takes it."""

from __future__ import annotations

from srcdiff.frontend.core.frame import Frame
from srcdiff.frontend.core.values import FrontValue, Parts, Stream
from srcdiff.ir.values import Value


def bind_name(fr: Frame, name: str, value: FrontValue, since: int) -> None:
    """`name = value`: a value that was made for it takes the name."""
    if isinstance(value, Value):
        _christen(fr, value, name, since, user=name.isidentifier() and fr.session.user_names)
    elif isinstance(value, Stream) and isinstance(value.source, Value):
        _christen(fr, value.source, name, since, user=False)
    elif isinstance(value, Parts):
        if value.cell and not name.startswith("%"):
            fr.session.cell_names.setdefault(value.cell, name)
        for key, part in zip(value.keys, value.values, strict=True):
            if isinstance(part, Value) and not part.name:
                _christen(fr, part, f"{name}_{key}", since, user=False)
    fr.bind(name, value)


def _christen(fr: Frame, value: Value, name: str, since: int, user: bool) -> None:
    """Name a value, if a statement since then made it; it is still under construction."""
    if name.startswith("%"):
        return  # a name of the reader's own
    if value.name == name and value.user == user:
        return
    if value.user and any(v is value for v in fr.env.values()):
        return  # an alias of another name
    body = fr.b.body
    for k in range(len(body) - 1, max(since, 0) - 1, -1):
        if value in body[k].results:
            object.__setattr__(value, "name", name)
            object.__setattr__(value, "user", user)
            return
