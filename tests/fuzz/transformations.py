"""Transformations of programs that change no derivative, from text to text."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from fuzz.program import Program, runs
from fuzz.shrink import function

Draw = np.random.Generator
Change = Callable[
    [ast.Module, ast.FunctionDef, Draw], bool
]  # in place; False where there is nothing to change

# functions that only compute: an expression of these may be taken out of its place
PURE = ("np", "scipy", "abs", "len", "range", "enumerate", "zip", "reversed", "float", "max", "min")
WRITING = ("at", "copyto", "put", "place", "fill_diagonal", "sort", "shuffle")


# ---- what may be moved --------------------------------------------------------------------------------


def is_pure(node: ast.AST) -> bool:
    """Whether evaluating an expression changes nothing, and binds nothing."""
    for n in ast.walk(node):
        if isinstance(
            n,
            ast.NamedExpr | ast.Lambda | ast.Yield | ast.ListComp | ast.GeneratorExp | ast.Starred,
        ):
            return False
        if isinstance(n, ast.Call):
            root = n.func
            while isinstance(root, ast.Attribute):
                root = root.value
            is_method = isinstance(n.func, ast.Attribute) and n.func.attr in WRITING
            if (
                not (isinstance(root, ast.Name) and root.id in PURE)
                or is_method
                or any(k.arg == "out" for k in n.keywords)
            ):
                return False
    return True


def reads(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id not in PURE}


def blocks(fn: ast.FunctionDef) -> list[list[ast.stmt]]:
    found = []
    for node in ast.walk(fn):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if (
                isinstance(block, list)
                and block
                and isinstance(block[0], ast.stmt)
                and not isinstance(node, ast.ClassDef)
            ):
                found.append(block)
    return found


def assignments(fn: ast.FunctionDef) -> list[tuple[list[ast.stmt], int, ast.Assign]]:
    """Names that are given the value of a pure expression, each with its block and place."""
    return [
        (block, k, s)
        for block in blocks(fn)
        for k, s in enumerate(block)
        if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name) and is_pure(s.value)
    ]


def picked(items: list[Any], rng: Draw) -> Any:
    return items[int(rng.integers(len(items)))] if items else None


def parsed(text: str) -> Any:
    return ast.parse(text).body[0]


def replaced(root: ast.AST, old: ast.AST, new: ast.AST) -> None:
    """Put one node in the place of another."""
    for node in ast.walk(root):
        for name, value in ast.iter_fields(node):
            if value is old:
                setattr(node, name, new)
            elif isinstance(value, list):
                for k, v in enumerate(value):
                    if v is old:
                        value[k] = new


# ---- the transformations ------------------------------------------------------------------------------


def into_helper(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """A statement's expression becomes the body of a function of the module."""
    found = picked([s for _, _, s in assignments(fn) if reads(s.value)], rng)
    if found is None:
        return False
    names = sorted(reads(found.value))
    text = f"def part_of_f({', '.join(names)}):\n    return {ast.unparse(found.value)}\n"
    module.body.insert(module.body.index(fn), parsed(text))
    found.value = ast.parse(f"part_of_f({', '.join(names)})", mode="eval").body
    return True


def whole_into_helper(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """The whole program becomes a function that the program calls."""
    names = [a.arg for a in fn.args.args]
    inner = copy.deepcopy(fn)
    inner.name = "all_of_f"
    module.body.insert(module.body.index(fn), inner)
    fn.body = [parsed(f"return all_of_f({', '.join(names)})")]
    return True


def helper_inlined(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """A call of a function that is one expression becomes this expression."""
    helpers = {
        h.name: h for h in module.body
        if isinstance(h, ast.FunctionDef) and h is not fn and len(h.body) == 1 and isinstance(h.body[0], ast.Return) and h.body[0].value and is_pure(h.body[0].value)
    }  # fmt: skip
    calls = [
        n
        for n in ast.walk(fn)
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Name)
        and n.func.id in helpers
        and all(is_pure(a) for a in n.args)
    ]
    call = picked(calls, rng)
    if call is None:
        return False
    helper = helpers[call.func.id]
    given = dict(zip((a.arg for a in helper.args.args), call.args, strict=False))
    body = copy.deepcopy(helper.body[0].value)  # type: ignore[attr-defined]
    for n in list(ast.walk(body)):
        if isinstance(n, ast.Name) and n.id in given:
            if body is n:
                body = given[n.id]
            else:
                replaced(body, n, given[n.id])
    replaced(fn, call, body)
    return True


def bound_before_use(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """A part of an expression gets a name first."""
    found = []
    for block in blocks(fn):
        for k, s in enumerate(block):
            value = s.value if isinstance(s, ast.Assign | ast.Return | ast.AugAssign) else None
            if (
                value is not None
                and is_pure(value)
                and not any(isinstance(n, ast.IfExp | ast.BoolOp) for n in ast.walk(value))
            ):
                found += [
                    (block, k, s, n)
                    for n in ast.walk(value)
                    if isinstance(n, ast.BinOp | ast.Call) and n is not value
                ]
    if not found:
        return False
    block, k, s, part = found[int(rng.integers(len(found)))]
    replaced(s, part, ast.Name("bound_first", ast.Load()))
    block.insert(k, ast.Assign([ast.Name("bound_first", ast.Store())], part))
    return True


def halved_terms(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """The terms of a sum are there twice, each halved, until there are more than six."""
    adds = [n for n in ast.walk(fn) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add)]
    inner = {id(side) for n in adds for side in (n.left, n.right)}
    sums = [n for n in adds if id(n) not in inner and is_pure(n)]
    total = picked(sums, rng)
    if total is None:
        return False
    terms = list(_terms(total))
    while len(terms) < 7:
        terms = [
            ast.BinOp(ast.Constant(0.5), ast.Mult(), copy.deepcopy(t))
            for t in terms
            for _ in range(2)
        ]
    made: ast.expr = terms[0]
    for t in terms[1:]:
        made = ast.BinOp(made, ast.Add(), t)
    total.left, total.right = made.left, made.right  # type: ignore[attr-defined]
    return True


def _terms(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _terms(node.left)
        yield from _terms(node.right)
    else:
        yield node


def renamed(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """Names of the program change, and with them their order."""
    bound = {n.id for n in ast.walk(fn) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound -= {n for s in ast.walk(fn) if isinstance(s, ast.Nonlocal) for n in s.names}
    bound |= {a.arg for a in fn.args.args}
    kept = {
        n.id
        for h in ast.walk(fn)
        if isinstance(h, ast.FunctionDef | ast.Lambda) and h is not fn
        for n in ast.walk(h)
        if isinstance(n, ast.Name)
    }
    new = {name: f"n_{len(bound) - k}" for k, name in enumerate(sorted(bound - kept))}
    for n in ast.walk(fn):
        if isinstance(n, ast.Name):
            n.id = new.get(n.id, n.id)
    for a in fn.args.args:
        a.arg = new.get(a.arg, a.arg)
    return bool(new)


def tuple_to_list(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """A tuple that is only read becomes a list."""
    tuples = [
        s
        for s in ast.walk(fn)
        if isinstance(s, ast.Assign)
        and isinstance(s.targets[0], ast.Name)
        and isinstance(s.value, ast.Tuple)
    ]
    found = picked(tuples, rng)
    if found is None:
        return False
    found.value = ast.List(found.value.elts, ast.Load())
    return True


def swapped(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """Two statements that have nothing to do with each other change places."""
    pure = {id(s) for _, _, s in assignments(fn)}
    pairs = []
    for block in blocks(fn):
        for k, (s, t) in enumerate(pairwise(block)):
            if (
                isinstance(s, ast.Assign)
                and isinstance(t, ast.Assign)
                and id(s) in pure
                and id(t) in pure
            ):
                one, other = s.targets[0].id, t.targets[0].id  # type: ignore[attr-defined]
                if one != other and one not in reads(t.value) and other not in reads(s.value):
                    pairs.append((block, k))
    if not pairs:
        return False
    block, k = pairs[int(rng.integers(len(pairs)))]
    block[k], block[k + 1] = block[k + 1], block[k]
    return True


def constant_as_argument(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """A number of the program becomes its last argument."""
    numbers = [
        n
        for s in ast.walk(fn)
        if isinstance(s, ast.BinOp) and not isinstance(s.op, ast.Pow)
        for n in (s.left, s.right)
        if isinstance(n, ast.Constant) and isinstance(n.value, float)
    ]
    found = picked(numbers, rng)
    if found is None:
        return False
    replaced(fn, found, ast.Name("given_number", ast.Load()))
    fn.args.args.append(ast.arg("given_number"))
    fn.args.defaults.append(ast.Constant(found.value))  # taken off again by `transformed`
    return True


def comprehension_as_loop(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """A list comprehension becomes a loop that appends."""
    found = [
        (block, k, s) for block in blocks(fn) for k, s in enumerate(block)
        if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name) and isinstance(s.value, ast.ListComp) and not s.value.generators[0].ifs
    ]  # fmt: skip
    if not found:
        return False
    block, k, s = found[int(rng.integers(len(found)))]
    name, made = s.targets[0].id, s.value
    target = ast.unparse(made.generators[0].target)
    if name in reads(made) or any(
        isinstance(n, ast.ListComp | ast.GeneratorExp) for n in ast.walk(made.elt)
    ):
        return False
    fresh = {
        n.id: f"{n.id}_of_loop"
        for n in ast.walk(made.generators[0].target)
        if isinstance(n, ast.Name)
    }
    for n in [*ast.walk(made.elt), *ast.walk(made.generators[0].target)]:
        if isinstance(n, ast.Name):
            n.id = fresh.get(n.id, n.id)
    target = ast.unparse(made.generators[0].target)
    lines = f"for {target} in {ast.unparse(made.generators[0].iter)}:\n    {name}.append({ast.unparse(made.elt)})"
    block[k : k + 1] = [parsed(f"{name} = []"), parsed(lines)]
    return True


def loop_as_comprehension(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """A loop that adds to a number becomes the sum of a list comprehension."""
    found = [
        (block, k, s, s.body[0])
        for block in blocks(fn)
        for k, s in enumerate(block)
        if isinstance(s, ast.For) and not s.orelse and len(s.body) == 1 and _is_sum(s.body[0])
    ]
    if not found:
        return False
    block, k, s, add = found[int(rng.integers(len(found)))]
    name = add.target.id
    if name in reads(add.value) | reads(s.iter):
        return False
    items = f"[{ast.unparse(add.value)} for {ast.unparse(s.target)} in {ast.unparse(s.iter)}]"
    block[k] = parsed(f"{name} = {name} + sum({items})")
    return True


def _is_sum(s: ast.stmt) -> bool:
    is_sum = isinstance(s, ast.AugAssign) and isinstance(s.op, ast.Add)
    return is_sum and isinstance(s.target, ast.Name) and is_pure(s.value)  # type: ignore[attr-defined]


def unrolled(module: ast.Module, fn: ast.FunctionDef, rng: Draw) -> bool:
    """A loop over a few known integers becomes its iterations."""
    found = []
    for block in blocks(fn):
        for k, s in enumerate(block):
            if (
                isinstance(s, ast.For)
                and not s.orelse
                and ast.unparse(s.iter) in ("range(3)", "range(0, 4, 2)", "range(2, -1, -1)")
            ):
                leaves = any(
                    isinstance(n, ast.Break | ast.Continue | ast.FunctionDef) for n in ast.walk(s)
                )
                found += [] if leaves else [(block, k, s)]
    if not found:
        return False
    block, k, s = found[int(rng.integers(len(found)))]
    iterations = [
        [ast.Assign([copy.deepcopy(s.target)], ast.Constant(i)), *copy.deepcopy(s.body)]
        for i in eval(ast.unparse(s.iter))
    ]
    block[k : k + 1] = [t for iteration in iterations for t in iteration]
    return True


CHANGES: dict[str, Change] = {
    c.__name__: c
    for c in (
        into_helper, whole_into_helper, helper_inlined, bound_before_use, halved_terms, renamed, tuple_to_list, swapped,
        constant_as_argument, comprehension_as_loop, loop_as_comprehension, unrolled,
    )
}  # fmt: skip


def transformed(p: Program, name: str, seed: int = 0) -> Program | None:
    """The program after a transformation; None where it does not apply."""
    module = ast.parse(p.text)
    fn = function(module, p.name)
    if not CHANGES[name](module, fn, np.random.default_rng([p.seed, seed])):
        return None
    more = tuple(d.value for d in fn.args.defaults if isinstance(d, ast.Constant))
    fn.args.defaults = []
    text = ast.unparse(ast.fix_missing_locations(module)) + "\n"
    new = replace(p, text=text, args=(*p.args, *more))
    return new if runs(new) else None
