"""Precedence: how tightly operators bind, and where lines may break around them."""

from __future__ import annotations

from srcdiff.codegen.text.line_breaks import COMMA_LEVEL, Break, Close, Open
from srcdiff.codegen.text.syntax import Expr

# From loose to tight; what is BRACKETED stands in brackets, but where a method decides otherwise.
(
    BRACKETED, YIELD, TUPLE, COMPREHENSION, TEST, OR, AND, NOT, COMPARE, BIT_OR, BIT_XOR, BIT_AND,
    SHIFT, SUM, TERM, FACTOR, POWER, NUMBER, ATOM,
) = range(19)  # fmt: skip

BINARY = {
    "Or": ("or", OR), "And": ("and", AND), "BitOr": ("|", BIT_OR), "BitXor": ("^", BIT_XOR),
    "BitAnd": ("&", BIT_AND), "LShift": ("<<", SHIFT), "RShift": (">>", SHIFT), "Add": ("+", SUM),
    "Sub": ("-", SUM), "Mult": ("*", TERM), "MatMult": ("@", TERM), "Div": ("/", TERM),
    "FloorDiv": ("//", TERM), "Mod": ("%", TERM), "Pow": ("**", POWER), "Eq": ("==", COMPARE),
    "NotEq": ("!=", COMPARE), "Lt": ("<", COMPARE), "LtE": ("<=", COMPARE), "Gt": (">", COMPARE),
    "GtE": (">=", COMPARE), "Is": ("is", COMPARE), "IsNot": ("is not", COMPARE),
    "In": ("in", COMPARE), "NotIn": ("not in", COMPARE),
}  # fmt: skip
UNARY = {
    "USub": ("-", FACTOR),
    "UAdd": ("+", FACTOR),
    "Invert": ("~", FACTOR),
    "Not": ("not ", NOT),
}
OPERATORS = {op: Break(f" {text} ", level) for op, (text, level) in BINARY.items()}
# Nodes and operators that are not listed are atoms.
LEVELS = {
    "NamedExpr": BRACKETED, "Yield": YIELD, "YieldFrom": YIELD, "IfExp": TEST, "Lambda": TEST,
    "Compare": COMPARE, "MatchOr": OR,
    **{op: level for op, (_, level) in [*BINARY.items(), *UNARY.items()]},
}  # fmt: skip

COMMA = Break(", ", COMMA_LEVEL)
FOR = Break(" for ", COMPREHENSION)
CONDITION, IF, ELSE = Break(" if ", COMPREHENSION), Break(" if ", TEST), Break(" else ", TEST)
MAYBE_OPEN, MAYBE_CLOSE = Open("", one_each=True), Close("")
TARGET_OPEN = Open("", one_each=True, last=True)
BRACKETS = {
    "call": (Open("("), Close(")")), "index": (Open("["), Close("]")),
    "tuple": (Open("(", one_each=True), Close(")")), "list": (Open("[", one_each=True), Close("]")),
    "dict": (Open("{", one_each=True), Close("}")),
}  # fmt: skip


def level_of(node: Expr) -> int:
    """How tightly the expression or pattern binds."""
    kind = type(node).__name__
    if kind in ("BinOp", "UnaryOp", "BoolOp"):
        kind = type(node.op).__name__
    elif kind == "Tuple" and node.elts:
        return TUPLE if len(node.elts) > 1 else BRACKETED
    elif kind == "Constant" and type(node.value) in (int, float, complex):
        return NUMBER
    elif kind == "MatchAs" and node.pattern is not None:
        return TEST
    return LEVELS.get(kind, ATOM)
