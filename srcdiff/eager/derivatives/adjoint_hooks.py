"""Adjoint hooks in dynamic programs: the tape runs the block of `with srcdiff.adjoint(y) as d_y:` in reverse mode.

    with srcdiff.adjoint(y) as d_y:          def block(d_y, limit=limit):
        d_y = np.clip(d_y, -limit, limit)        d_y = np.clip(d_y, -limit, limit)
                                                 return d_y
                                             y = tape.block(y, block)

Names of the function that the block reads have the values from when the `with` statement ran.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from srcdiff.compile.arguments.pytree import is_float_leaf
from srcdiff.eager.shadow_values import Shadows
from srcdiff.eager.structures import fresh
from srcdiff.errors import UnsupportedError

if TYPE_CHECKING:
    from srcdiff.eager.tape import Tape


@dataclass(eq=False)
class Block:
    """A function that replaces the adjoint of a value.

    Attributes
    ----------
    value, made
        The number before the block, and the number that the name is bound to after it; an array stays the same object.
    """

    value: Any
    made: Any
    function: Callable[[Any], Any]

    def reverse(self, shadows: Shadows) -> None:
        """Run the block, and take the value that it assigned as the adjoint."""
        if isinstance(self.value, np.ndarray):
            view = shadows.view(self.value)
            view[...] = self.checked(self.function(view.copy()))
            return
        d_made = shadows.take(self.made)
        found = self.checked(self.function(type(self.value)(0.0) if d_made is None else d_made))
        shadows.add(self.value, type(self.value)(found))

    def checked(self, found: Any) -> Any:
        """The value that the block assigned: a number, or an array with the shape of the primal value."""
        is_number = isinstance(found, int | float | np.generic) and not isinstance(found, bool)
        is_same = np.shape(found) == np.shape(self.value)
        if not (is_number or (isinstance(found, np.ndarray) and is_same)):
            kind = f"an array of shape {np.shape(found)}" if np.ndim(found) else f"{found!r}"
            raise UnsupportedError(
                f"a block of srcdiff.adjoint makes the adjoint {kind}, not one of shape {np.shape(self.value)}",
                "Assign floats shaped like the value.",
            )
        return found


def marked(tape: Tape, value: object, function: Callable[[object], object]) -> object:
    """The value that a name is bound to after a block."""
    if not is_float_leaf(value):
        raise UnsupportedError(
            f"srcdiff.adjoint of {type(value).__name__}, which has no adjoint of its own",
            "Take the number or array out of it, give that a name, and use the name from there on.",
        )
    held = tuple(v.copy() if isinstance(v, np.ndarray) else v for v in function.__defaults__ or ())
    function.__defaults__ = held
    made = value if isinstance(value, np.ndarray) else fresh(value)
    tape.tracked.add(made)  # the block runs for every `wrt`
    tape.note(Block(value, made, function))
    return made


def function_of_block(node: ast.With, name: str, bound: list[str]) -> ast.FunctionDef:
    """The block as a function of the adjoint; names of the enclosing function become defaults of its parameters.

    Parameters
    ----------
    bound
        The names that the enclosing function binds, with repetitions.
    """
    adjoint = node.items[0].optional_vars
    assert isinstance(adjoint, ast.Name)
    names = [n for s in node.body for n in ast.walk(s) if isinstance(n, ast.Name)]
    stored = [n.id for n in names if isinstance(n.ctx, ast.Store)]
    read = dict.fromkeys(n.id for n in names if isinstance(n.ctx, ast.Load))
    held = [n for n in read if bound.count(n) > stored.count(n) and n != adjoint.id]
    arguments = ast.arguments(
        [], [ast.arg(n) for n in (adjoint.id, *held)], None, [], [], None,
        [ast.Name(n, ast.Load()) for n in held],
    )  # fmt: skip
    back = ast.Return(ast.Name(adjoint.id, ast.Load()))
    return function_def(name, arguments, [*copy.deepcopy(node.body), back])


def function_def(
    name: str, arguments: ast.arguments, body: list[ast.stmt], decorators: Sequence[ast.expr] = ()
) -> ast.FunctionDef:
    made = ast.FunctionDef(name, arguments, body, [*decorators], None)
    made.type_params = []  # type: ignore[attr-defined]  # of Python 3.12 and newer
    return made
