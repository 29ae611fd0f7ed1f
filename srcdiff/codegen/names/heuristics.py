"""Names for values that nobody named: from what they are for, before what they are.

In order: what reads the value (`scores` into `logsumexp`, `numerator` of a division, `ys` for
what yields `y`), where it goes (the value that the function returns), what it is called where it
is stored, and last the operation that makes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from srcdiff.codegen.plan.defuse import Facts
from srcdiff.codegen.plan.plan import Branch, Copy, Jump, Let, Loop, Node, Plan
from srcdiff.codegen.text.expression_folding import Folding
from srcdiff.ir.core import Node as Container
from srcdiff.ir.core import Tree
from srcdiff.ir.syntax.spelling import plural
from srcdiff.ir.types import INT, Array, List, Scalar, ndim_of, strip
from srcdiff.ir.values import Atom, Value, const

# what an operation's operands are, by position
_ROLES: dict[str, tuple[str, ...]] = {
    "logsumexp": ("scores",), "divide": ("numerator", "denominator"), "exp": ("exponent",),
    "unit_part": ("numerator", "denominator"),
    "softmax": ("scores",), "expit": ("logit",), "logaddexp": ("", "logit"),
    "where": ("condition",), "solve": ("matrix", "right_side"), "inv": ("matrix",),
    "argmax": ("scores",), "max": ("candidates",), "maximum": ("candidate",),
    "cholesky": ("matrix",), "square": ("residual",), "gather": ("", "rows"),
}  # fmt: skip

# what an operation makes
_NOUNS: dict[str, str] = {
    "add": "total", "subtract": "difference", "multiply": "product", "divide": "ratio", "unit_part": "ratio", "matmul":
    "product", "power": "power", "negative": "negated", "sum": "total", "mean": "average", "exp":
    "exponential", "log": "logarithm", "sqrt": "root", "logsumexp": "norm", "less": "is_less",
    "definite_solve": "solution", "definite_logdet": "logdet", "shared_solve": "solution",
    "shared_logdet": "logdet",
    "greater": "is_greater", "equal": "is_equal", "max": "largest", "min": "smallest", "solve":
    "solution", "inv": "inverse", "transpose": "transposed", "zeros": "buffer", "empty": "buffer",
    "length": "length", "zeros_of": "buffer", "empty_of": "buffer", "axis_length": "length",
    "list_length": "length", "list_new": "items", "index": "part", "list_item": "item", "list_pop": "kept", "gather":
    "picked", "read": "old", "copy": "copied", "sin": "sine", "cos": "cosine",
    "tanh": "activation", "expit": "probability", "outer": "outer_product", "get": "part",
    "concatenate": "joined", "stack": "stacked", "diag": "diagonal", "absolute": "size", "maximum":
    "larger", "minimum": "smaller", "cholesky": "factor", "square": "squared", "reshape":
    "reshaped", "logaddexp": "log_sum", "log1p": "logarithm", "expand": "full", "floor": "whole",
    "floor_divide": "quotient", "mod": "remainder", "sign": "sign", "where": "chosen", "choose": "chosen",
    "broadcast_to": "full", "array_of": "array", "einsum": "product", "astype": "converted",
    "random_numbers": "uniforms", "philox_uniform": "uniform",
    "block_sum": "total", "block_max": "largest", "block_min": "smallest",
    "block_first": "found", "and": "is_both", "or": "is_either",
}  # fmt: skip

# what operations with several results make
_SEVERAL: dict[str, tuple[str, ...]] = {
    "slogdet": ("sign", "log_det"), "eigh": ("eigenvalues", "eigenvectors"), "eig": ("eigenvalues", "eigenvectors"),
    "svd": ("left", "singular_values", "right"), "qr": ("orthogonal", "triangular"),
}  # fmt: skip

# where the first noun is taken
_OTHERS: dict[str, tuple[str, ...]] = {
    "product": ("scaled", "weighted"), "total": ("combined",), "difference": ("gap", "change"),
    "ratio": ("share", "quotient"), "power": ("raised",), "negated": ("opposite",),
    "solution": ("answer",), "exponential": ("grown",), "norm": ("log_total",),
    "uniforms": ("uniform",), "logarithm": ("log_value",),
}  # fmt: skip

_LOOKED_AT = 24  # values; what is further back does not help to distinguish names

_STORAGE = {"empty", "zeros", "empty_of", "zeros_of", "list_new", "empty_like", "zeros_like"}

# adjoints of what has no name itself: the letters that a textbook takes for intermediate quantities
_ADJOINTS = ("d_z", "d_s", "d_r", "d_q")


def suggestions(
    members: Sequence[Value], plan: Plan, facts: Facts, folding: Folding, names: Mapping[Value, str]
) -> Iterator[str]:
    made = [facts.maker[m] for m in members if m in facts.maker]
    if any(isinstance(n, Loop) and n.index in members for n in made):
        yield from ("t", "n", "k", "j", "i", "m")
        return
    for member in members:
        if member in folding.copied:
            yield from _old(member, facts, names)
    for member in members:
        yield from _as_result(member, plan, facts)
        yield from _elements(member, facts, names)
        for use in facts.uses.get(member, ()):
            yield from _for_use(member, use.node, plan, names)
    for node in made:
        yield from _as_element(node, members, names)
    for member in members:
        yield from _one_of_several(member, facts)
    for node in made:
        yield from _from_operation(node, names)


def _one_of_several(member: Value, facts: Facts) -> Iterator[str]:
    node = facts.maker.get(member)
    if isinstance(node, Let) and node.op is not None and len(node.results) > 1:
        nouns = _SEVERAL.get(node.op.decl.name, ())
        yield from nouns[node.results.index(member) :][:1]


def _old(member: Value, facts: Facts, names: Mapping[Value, str]) -> Iterator[str]:
    node = facts.maker[member]
    base = node.operands[0] if isinstance(node, Let) else None
    if isinstance(base, Value) and base in names:
        yield f"old_{names[base]}"


def _elements(member: Value, facts: Facts, names: Mapping[Value, str]) -> Iterator[str]:
    """`ys` for a sequence whose elements are called `y`."""
    if not isinstance(member.type, Array | List):
        return
    for use in facts.uses.get(member, ()):
        node = use.node
        element: Value | None = None
        if isinstance(node, Loop) and member in node.operands and node.form != "range":
            pattern = node.patterns[node.operands.index(member)]
            element = pattern if isinstance(pattern, Value) else None
        elif (
            isinstance(node, Let)
            and node.op is not None
            and node.op.decl.name in ("index", "list_item")
        ):
            element = node.results[0] if node.operands[0] is member else None
        elif (
            isinstance(node, Let)
            and node.op is not None
            and node.op.decl.name in ("append", "store")
        ):
            operand = node.operands[1]
            element = operand if isinstance(operand, Value) and node.operands[0] is member else None
        if element is not None and _plain(names.get(element) or element.name):
            yield plural(names.get(element) or element.name)
        elif element is not None and element not in names:
            yield from _of_stored(facts.maker.get(element), names)


def _of_stored(maker: Node | None, names: Mapping[Value, str]) -> Iterator[str]:
    """Names for what holds values that have none: `old_x` for elements of `x`, `differences`."""
    if (
        not isinstance(maker, Let)
        or maker.op is None
        or maker.op.decl.name in ("list_item", "list_new")
    ):
        return
    base = maker.operands[0] if maker.operands else None
    if maker.op.decl.name in ("index", "read"):
        if isinstance(base, Value) and _plain(names.get(base) or base.name):
            yield from (
                f"{word}_{names.get(base) or base.name}" for word in ("old", "earlier", "kept")
            )
        return
    noun = _NOUNS.get(maker.op.decl.name, maker.op.decl.name)
    yield from (plural(word) for word in (noun, *_OTHERS.get(noun, ())) if word)


def stored_value(member: Value, facts: Facts) -> Value | None:
    """The value that was stored where this one is read from: both are the same thing."""
    maker = facts.maker.get(member)
    base: Atom | None = None
    if (
        isinstance(maker, Let)
        and maker.op is not None
        and maker.op.decl.name in ("index", "list_item")
    ):
        base = maker.operands[0]
    elif isinstance(maker, Loop) and maker.form != "range":
        base = next(
            (s for s, p in zip(maker.operands, maker.patterns, strict=True) if p is member), None
        )
    if not isinstance(base, Value):
        return None
    stores = [
        u.node.operands[1]
        for u in facts.uses.get(base, ())
        if isinstance(u.node, Let)
        and u.node.op is not None
        and u.node.op.decl.name in ("append", "store")
        and u.node.operands[0] is base
    ]
    one = stores[0] if len(stores) == 1 else None
    return one if isinstance(one, Value) else None


def made_of(members: Sequence[Value], facts: Facts) -> list[str]:
    """The user's names that values are computed from, each once, from left to right; positions left out."""
    found: dict[str, None] = {}
    seen: set[Value] = set()
    pending: list[Atom] = list(members)
    while pending and len(seen) < _LOOKED_AT:
        atom = pending.pop(0)
        if not isinstance(atom, Value) or atom in seen:
            continue
        seen.add(atom)
        maker = facts.maker.get(atom)
        if atom.name and (atom.user or maker is None):
            if strip(atom.type) != INT:
                found[atom.name] = None
        elif isinstance(maker, Let):
            pending[:0] = maker.operands
    return [*found]


def distances(members: Sequence[Value], facts: Facts) -> dict[str, int]:
    """How many operations the user's names are away that values are computed from."""
    found: dict[str, int] = {}
    seen: set[Value] = set()
    level = list(members)
    for distance in count():
        level = [v for v in dict.fromkeys(level) if v not in seen]
        if not level or len(seen) >= _LOOKED_AT:
            break
        seen.update(level)
        following: list[Value] = []
        for value in level:
            maker = facts.maker.get(value)
            if value.name and (value.user or maker is None):
                if strip(value.type) != INT:
                    found.setdefault(value.name, distance)
            elif isinstance(maker, Let):
                following += [a for a in maker.operands if isinstance(a, Value)]
        level = following
    return found


def _plain(name: str) -> bool:
    return bool(name) and name != "_"


def _for_use(member: Value, node: Node, plan: Plan, names: Mapping[Value, str]) -> Iterator[str]:
    match node:
        case Jump(kind="return"):
            first = node.operands[0] is member
            whole = not isinstance(plan.output, Container)
            if whole or first:
                yield from ("result",) if whole else ("value", "result")
        case Let() if node.op is not None and node.op.decl.name == "not":
            yield "done"
        case Let() if node.op is not None:
            roles = _ROLES.get(node.op.decl.name, ())
            place = node.operands.index(member)
            if place < len(roles) and roles[place]:
                yield roles[place]
        case Copy():
            target = node.targets[node.sources.index(member)]
            name = names.get(target) or target.name
            if _plain(name):
                base = name.removeprefix("new_").removeprefix("next_")
                yield from (f"new_{base}", f"next_{base}")
        case Branch() | Loop() if member.type == Scalar("bool"):
            yield "condition"


def _as_result(member: Value, plan: Plan, facts: Facts) -> Iterator[str]:
    """`d_bias` for what the function returns under the key "bias"."""
    for use in facts.uses.get(member, ()):
        node = use.node
        if isinstance(node, Jump) and node.kind == "return" and member in node.operands[1:]:
            key = _key_of(plan.output, node.operands.index(member))
            if key:
                yield f"d_{key}"


def _key_of(tree: Tree, position: int) -> str:
    """The name under which a result stands in its container."""
    if isinstance(tree, int):
        return ""
    for key, child in zip(tree.keys, tree.children, strict=True):
        if child == position:
            return key if isinstance(key, str) and key.isidentifier() else ""
        inner = _key_of(child, position)
        if inner:
            return inner
    return ""


def _as_element(node: Node, members: Sequence[Value], names: Mapping[Value, str]) -> Iterator[str]:
    """`y` for an element of `ys`."""
    sequence = None
    if (
        isinstance(node, Let)
        and node.op is not None
        and node.op.decl.name in ("index", "list_item", "list_pop")
    ):
        sequence = node.operands[0]
    elif isinstance(node, Loop):
        sequence = next(
            (s for s, p in zip(node.operands, node.patterns, strict=False) if p in members), None
        )
    if isinstance(sequence, Value):
        name = names.get(sequence) or sequence.name
        if name.endswith("s") and not name.endswith("ss") and len(name) > 1:
            yield name[:-1]
        elif name:
            yield f"{name}_{_piece(node, sequence)}"


def _piece(node: Node, sequence: Value) -> str:
    """What is taken out of an array or list: an item, a row, a part."""
    if isinstance(sequence.type, List) or (ndim_of(sequence.type) == 1 and isinstance(node, Loop)):
        return "item"
    if isinstance(node, Let) and node.op is not None and node.op.decl.name == "index":
        if isinstance(node.op.result.type, Scalar):
            return "item"
        return "row" if {*node.op.attrs["where"].split(", ")} <= {"i", ":"} else "part"
    return "row"


def _from_operation(node: Node, names: Mapping[Value, str]) -> Iterator[str]:
    if isinstance(node, Let):
        operands = [
            names[a]
            for a in node.operands
            if isinstance(a, Value) and a in names and _plain(names[a])
        ]
        if node.op is None:
            function = node.text.partition("(")[0]
            plain = function.removesuffix("_and_grad")  # `f_value, d_x = f_value_and_grad(x)`
            yield plain if plain != function else f"{function}_result"
            return
        operation = node.op.decl.name
        if operation == "log" and node.operands == (const(2.0 * math.pi),):
            yield "log_2pi"
        if operation == "log" and len(operands) == 1:
            yield f"log_{operands[0]}"
        is_of_adjoints = operation == "array_of" or any(n.startswith("d_") for n in operands)
        if node.origin == "adjoint" and is_of_adjoints:
            yield from _ADJOINTS
        if operation == "matmul" and len(operands) == 2:
            yield from _written_together(operands)
        noun = _NOUNS.get(operation, operation)
        yield from (noun, *_OTHERS.get(noun, ()))
        if operation not in _STORAGE:
            yield from (f"{noun}_of_{name}" for name in operands)
    elif isinstance(node, Copy) and node.origin == "adjoint":
        yield from (*_ADJOINTS, "total")
    else:
        yield "value"


def _written_together(operands: Sequence[str]) -> Iterator[str]:
    """`AP` for `A @ P`."""
    bases = [name.removeprefix("new_").removeprefix("next_") for name in operands]
    if all(len(base) == 1 and base.isupper() for base in bases):
        yield "".join(bases)
