"""Programs given as text, brought to their derivatives: for tests that look at what reverse and forward mode make of them."""

from __future__ import annotations

import ast
import copy
import textwrap

import numpy as np
import pytest
from fuzz.compare import flat, function_of, problems, stages
from loop_forms import as_python, in_python, loop_form

import srcdiff
from srcdiff.handles.compiling.jit import plain

HEADER = "import numpy as np\n\n\n"


def source(text, name="f"):
    """The function that a program's text defines."""
    return function_of(HEADER + textwrap.dedent(text), name)


def agrees(text, *args):
    """The derivatives of a program are right, in every mode, at arguments that stay as they are."""
    found = problems(source(text), args)
    assert not found, found[0]


def loops_agree(text, *args, **options):
    """The loop form of a program's derivative, as Python runs it, gives what the array form gives."""
    gradient = srcdiff.value_and_grad(source(text), on_independent="ignore", **options)
    loops = as_python(loop_form(gradient, args))
    given = gradient.signature.bind(copy.deepcopy(args), {}, frozenset())
    value, expected = gradient(*copy.deepcopy(args))
    found, d_found = loops(*map(plain, given.values, given.types))
    np.testing.assert_allclose(found, value, rtol=1e-12)
    np.testing.assert_allclose(flat(d_found), flat(expected), rtol=1e-11, atol=1e-12)


def refusal(text, *args):
    """The message that refuses a program, at least for compiled code."""
    return refusal_of(source(text), args)


def refusal_of(function, args, argnums=0):
    """The same of a function. Where the interpreter takes it, its derivatives are right there."""
    if found := problems(function, args):
        (message,) = found
        assert message.startswith("refused: "), message
        return message
    with pytest.raises(srcdiff.UnsupportedError) as refused:
        srcdiff.grad(function, argnums=argnums, jit=True, on_independent="ignore")(*args)
    return str(refused.value)


def kept(function, args, loops=False, **options):
    """The number of residuals that generated code stores: what it allocates with `np.empty`, and appends to
    lists of its own. `loops`: as it is compiled; what an iteration allocates is gone when it is over.
    """
    gradient = srcdiff.value_and_grad(function, on_independent="ignore", **options)
    text = gradient.loop_source_for(*args) if loops else gradient.source_for(*args)
    tree = ast.parse(in_python(text))
    counter = _Count()
    tree = ast.fix_missing_locations(counter.visit(tree))
    sizes = [[] for _ in range(counter.places)]
    namespace = {"sizes": sizes}
    exec(compile(tree, "<counted>", "exec"), namespace)
    name = next(n.name for n in reversed(tree.body) if isinstance(n, ast.FunctionDef))
    with np.errstate(all="ignore"):
        namespace[name](*args)
    return sum(max(found, default=0) if loops else sum(found) for found in sizes)


class _Count(ast.NodeTransformer):
    """Counts the sizes of arrays made by `np.empty` as the program runs, and of what is put on lists."""

    def __init__(self):
        self.places = 0

    def visit_Call(self, node):
        self.generic_visit(node)
        text = ast.unparse(node.func)
        if text == "np.empty":
            return self.counted(node)
        if text.endswith(".append"):
            node.args[0] = self.counted(node.args[0])
        return node

    def counted(self, node):
        count = (
            f"(lambda made: (sizes[{self.places}].append(__import__('numpy').size(made)), made)[1])"
        )
        self.places += 1
        return ast.Call(ast.parse(count, mode="eval").body, [node], [])


def after(text, args, stage, kind="value_and_grad", mode="auto"):
    """The function behind a stage: the one with this name that came last; every stage kept the program's meaning."""
    record = stages(kind, source(text), args, mode=mode)
    assert record.broken == []
    return [fn for name, fn in record.kept if name == stage][-1]
