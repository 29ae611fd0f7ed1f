"""Named tuples and dataclasses: how they are made, and `dataclasses.replace`."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import gast

from srcdiff.frontend.core.constants import from_python
from srcdiff.frontend.core.frame import Frame, describe
from srcdiff.frontend.core.values import Args, FrontValue, Known, Kwargs, Method, Parts
from srcdiff.frontend.joins.phi import unpack_struct
from srcdiff.ir.structs import own_constructor
from srcdiff.ir.types import Struct
from srcdiff.ir.values import Value


def construct(fr: Frame, node: gast.AST, cls: type, args: Args, kwargs: Kwargs) -> FrontValue:
    """A named tuple or a dataclass."""
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        kind, names = "namedtuple", cls._fields
        by_position, settable = names, names
    elif dataclasses.is_dataclass(cls):
        fields = dataclasses.fields(cls)
        kind, names = "dataclass", tuple(f.name for f in fields)
        settable = tuple(f.name for f in fields if f.init)
        by_position = tuple(f.name for f in fields if f.init and not f.kw_only)
    else:
        fr.untyped(
            node,
            f"`{cls.__name__}` is not known to srcdiff",
            "Use arrays, tuples, lists, dicts, named tuples or dataclasses, and loops over them.",
        )
    own = own_constructor(cls)
    if own == "`__post_init__`":
        return _finished(fr, node, cls, args, kwargs)
    if own and own != "`field(init=False)`":
        fr.fail(
            node,
            f"`{cls.__name__}` has a {own} of its own",
            "Compute the fields in a function that makes the object of them.",
        )
    given = dict(zip(by_position, args, strict=False))
    if len(args) > len(by_position) or set(kwargs) - set(settable) or set(kwargs) & set(given):
        fr.fail(node, f"the arguments do not fit `{cls.__name__}({', '.join(settable)})`")
    given.update(kwargs)
    values = [given[name] if name in given else _default(fr, node, cls, name) for name in names]
    made = Parts(kind, tuple(names), tuple(values), cls)
    if kind == "dataclass" and "objects" in fr.session.hints:  # some are written into
        return fr.session.new_cell(made)
    return made


def _finished(fr: Frame, node: gast.AST, cls: Any, args: Args, kwargs: Kwargs) -> FrontValue:
    """An object of a dataclass that has a `__post_init__`, which is called with what is no field (`InitVar`)."""
    found = cls.__dataclass_fields__.items()
    fields = {name: f for name, f in found if f._field_type.name != "_FIELD_CLASSVAR"}
    settable = [name for name, field in fields.items() if field.init]
    by_position = [name for name in settable if not fields[name].kw_only]
    given = dict(zip(by_position, args, strict=False))
    if len(args) > len(by_position) or set(kwargs) - set(settable) or set(kwargs) & set(given):
        fr.fail(node, f"the arguments do not fit `{cls.__name__}({', '.join(settable)})`")
    given.update(kwargs)
    for name, field in fields.items():
        missing = dataclasses.MISSING
        has_default = field.default is not missing or field.default_factory is not missing
        if name not in given and (field.init or has_default):
            given[name] = _default(fr, node, cls, name)
    of_init = [name for name, f in fields.items() if f._field_type.name == "_FIELD_INITVAR"]
    passed_on = [given.pop(name) for name in of_init]
    given = {name: given[name] for name in fields if name in given}
    made = fr.session.new_cell(Parts("object", tuple(given), tuple(given.values()), cls))
    method = inspect.getattr_static(cls, "__post_init__")
    fr.call(node, Method(made, "__post_init__", method), passed_on)
    return fr.session.current(made)


def is_record_class(cls: type) -> bool:
    return dataclasses.is_dataclass(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))


def _default(fr: Frame, node: gast.AST, cls: Any, name: str) -> FrontValue:
    shown = f"{cls.__name__}.{name}"
    if not dataclasses.is_dataclass(cls):
        if name in cls._field_defaults:
            return from_python(fr, cls._field_defaults[name], shown, node)
    else:
        field = cls.__dataclass_fields__[name]
        if field.default is not dataclasses.MISSING:
            return from_python(fr, field.default, shown, node)
        if field.default_factory is not dataclasses.MISSING:
            return fr.call(node, Known(field.default_factory), [])
    fr.fail(node, f"`{cls.__name__}` misses the field `{name}`")


def _replace(fr: Frame, node: gast.AST, args: Args, kwargs: Kwargs) -> FrontValue:
    """`dataclasses.replace(record, field=value)`."""
    record = args[0] if len(args) == 1 else None
    if isinstance(record, Value) and isinstance(record.type, Struct):
        record = unpack_struct(fr, record, node)
    if not isinstance(record, Parts) or record.kind != "dataclass":
        shown = "this" if record is None else describe(record)
        fr.fail(node, f"replace() takes a dataclass, not {shown}", "Make a new object.")
    given = dict(zip(record.keys, record.values, strict=True))
    settable = {f.name for f in dataclasses.fields(record.cls) if f.init}  # type: ignore[arg-type]
    kept = {k: v for k, v in given.items() if k in settable}
    return construct(fr, node, record.cls, [], {**kept, **kwargs})  # type: ignore[arg-type]


RECORDS: dict[object, Any] = {dataclasses.replace: _replace}
