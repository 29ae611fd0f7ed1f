"""The text of messages in compiled code: Python writes them, because Numba formats numbers otherwise or not at all.

print("x is", f"{x:.2f}")        with numba.objmode():
                                     print("x is", "{:.2f}".format(x))
"""

from __future__ import annotations

import ast
import re
from string import Formatter


def written_by_python(text: str) -> str:
    """A statement for a call with `{i}` for operands; Numba's object mode knows no format specifications."""
    count = 1 + max((int(n) for _, n, _, _ in Formatter().parse(text) if n), default=-1)
    tree = ast.parse(text.format(*(f"_{k}_" for k in range(count))), mode="eval")
    call = ast.unparse(_WithoutFStrings().visit(tree)).replace("{", "{{").replace("}", "}}")
    return "with numba.objmode():\n    " + re.sub(r"\b_(\d+)_\b", r"{\1}", call)


class _WithoutFStrings(ast.NodeTransformer):
    """Formatted strings as calls of `str.format`."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        template, values = "", []
        for part in node.values:
            if isinstance(part, ast.Constant):
                template += str(part.value).replace("{", "{{").replace("}", "}}")
                continue
            assert isinstance(part, ast.FormattedValue)
            values.append(self.visit(part.value))
            conversion = f"!{chr(part.conversion)}" if part.conversion > 0 else ""
            spec, inner = self._spec(part.format_spec)
            template += f"{{{conversion}{spec}}}"
            values += inner
        made = ast.Attribute(ast.Constant(template), "format", ast.Load())
        return ast.Call(made, values, [])

    def _spec(self, spec: ast.expr | None) -> tuple[str, list[ast.expr]]:
        """A format specification as text, and the values in it."""
        if spec is None:
            return "", []
        made = self.visit(spec)
        return f":{made.func.value.value}", made.args
