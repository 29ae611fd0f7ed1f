"""NumPy text that ends when it takes too long: each iteration and each call of a function looks at the clock.

In: a generated program; out: a function that raises `TimeIsUp`, which no `except Exception` catches.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from typing import Any

from srcdiff.compile.arguments.pytree import leaves
from srcdiff.compile.program import Program

_CHECK = "<check>"  # no name of a text


class TimeIsUp(BaseException):
    """A call has taken longer than its limit."""


class Limited:
    """The function of a program, in NumPy, with a limit.

    Attributes
    ----------
    loops : bool
        Whether some of its lines may run many times.
    """

    def __init__(self, program: Program, function: Callable[..., object]) -> None:
        checks = _Checks()
        tree = checks.visit(ast.parse(program.source))
        self.loops = checks.loops or checks.functions > 1
        self._function = function
        self._name = program.name
        if self.loops:  # tracebacks show the lines of the text
            file = function.__code__.co_filename
            self._code = compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True)

    def __call__(self, seconds: float, *values: object) -> Any:
        """The result.

        Raises
        ------
        TimeIsUp
            After so many seconds of the processor. Generators of random numbers are as before.
        """
        if not self.loops:
            return self._function(*values)
        names = {**self._function.__globals__, _CHECK: _check_of(seconds)}  # of this call alone
        exec(self._code, names)
        generators = [v.bit_generator for v in leaves(values) if hasattr(v, "bit_generator")]
        states = [g.state for g in generators]
        try:
            return names[self._name](*values)
        except TimeIsUp:
            for generator, state in zip(generators, states, strict=True):
                generator.state = state
            raise


def _check_of(seconds: float) -> Callable[[], bool]:
    """A check of this thread's time, from now.

    The processor's time is at most that on the wall, which takes a tenth of the time to read.
    """
    end, until = time.thread_time() + seconds, time.perf_counter() + seconds

    def check() -> bool:
        nonlocal until
        now = time.perf_counter()
        if now >= until:
            left = end - time.thread_time()
            if left <= 0.0:
                raise TimeIsUp
            until = now + left
        return True

    return check


class _Checks(ast.NodeTransformer):
    """Puts a check at the head of the bodies of loops and functions, and in comprehensions."""

    def __init__(self) -> None:
        self.loops = False
        self.functions = 0

    def visit_For(self, node: ast.For | ast.While) -> ast.AST:
        self.loops = True
        return self._with_check(node)

    visit_While = visit_For

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.functions += 1
        return node if node.decorator_list else self._with_check(node)  # `njit` has no clock

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.loops = True
        self.generic_visit(node)
        node.ifs.insert(0, _call())
        return node

    def _with_check(self, node: ast.For | ast.While | ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_call()))
        return node


def _call() -> ast.Call:
    return ast.Call(ast.Name(_CHECK, ast.Load()), [], [])
