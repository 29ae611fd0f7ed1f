"""The Python text of operations, with `{i}` for operands; the reference evaluator runs it, codegen prints it."""

from __future__ import annotations

from srcdiff.ir.core import Op

__all__ = ["call_text", "template_of"]


def call_text(op: Op) -> str:
    """The default template: a call of the spelling with operands, and attributes that are not at their defaults."""
    spelling = op.spelling or op.decl.spelling
    given = [f"{k}={v!r}" for k, v in op.attrs.items() if op.decl.defaults.get(k, ...) != v]
    texts = [f"{{{i}}}" for i in range(len(op.operands))]
    if spelling.startswith("."):
        return f"{texts[0]}{spelling}({', '.join(texts[1:] + given)})"
    return f"{spelling}({', '.join(texts + given)})"


def template_of(op: Op) -> str:
    """The Python text of an operation, with `{i}` for its operands."""
    template = op.decl.template
    if callable(template):
        return template(op)
    return call_text(op) if template is None or op.spelling else template
