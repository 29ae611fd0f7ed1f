"""The operations that carry the blocks of `with srcdiff.adjoint(x) as d_x:`, and how they vanish.

    %y.1 = adjoint_block[block=...] %y, %limit
    %z = f %y.1                                      becomes, for all but reverse mode,    %z = f %y

`reverse_blocks` puts the block into the backward part. `follows`, whose adjoint is another's, vanishes as they do.
"""

from __future__ import annotations

import re

from srcdiff.ir.alias import storage_roots, written_roots
from srcdiff.ir.build import Builder, Env, Rewriter, lookup
from srcdiff.ir.core import Function, Op, Statement, Value, walk
from srcdiff.ir.spelling import template_of
from srcdiff.ir.types import is_complex
from srcdiff.ops.blocks import adjoint_block, comment, outside_call
from srcdiff.ops.choices import follows
from srcdiff.ops.fourier import TRANSFORMS
from srcdiff.ops.launches import is_launch
from srcdiff.ops.sparse import SPARSE
from srcdiff.transforms.carried import forward_invariants
from srcdiff.transforms.facts import substitute
from srcdiff.transforms.nests import NoLoopForm

__all__ = ["drop_blocks", "drop_comments", "only_inside", "settle_blocks", "without_scipy"]


NOTHING: frozenset[Value] = frozenset()
_CARRIERS = (adjoint_block, follows)


def settle_blocks(fn: Function) -> Function:
    """`fn` where a written array keeps its one name behind a block: what the block is of is the array as it is then,
    and a loop that goes on with it carries nothing.
    """
    blocks = [s for s in walk(fn.body) if isinstance(s, Op) and s.decl is adjoint_block]
    if not blocks:
        return fn
    roots = storage_roots(fn)
    written = written_roots(fn, roots)
    env = {s.result: s.operands[0] for s in blocks if roots.get(s.result, NOTHING) & written}
    return forward_invariants(substitute(fn, env)) if env else fn


def drop_blocks(fn: Function) -> Function:
    """`fn` where such an operation is the value that it is of."""
    has_some = any(isinstance(s, Op) and s.decl in _CARRIERS for s in walk(fn.body))
    return _WithoutBlocks()(fn) if has_some else fn


class _WithoutBlocks(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if isinstance(old, Op) and old.decl in _CARRIERS:
            env[old.result] = lookup(env, old.operands[0])
        else:
            b.append(self.keep(old, env, b))


def drop_comments(fn: Function) -> Function:
    """`fn` without lines that only a reader looks at: to passes, they are effects that keep their place."""
    has_some = any(isinstance(s, Op) and s.decl is comment for s in walk(fn.body))
    return _WithoutComments()(fn) if has_some else fn


class _WithoutComments(Rewriter):
    def statement(self, old: Statement, env: Env, b: Builder) -> None:
        if not (isinstance(old, Op) and old.decl is comment):
            b.append(self.keep(old, env, b))


def _is_special(op: Op) -> bool:
    """Whether it is a function of scipy.special: those that compiled code calls are of real numbers."""
    name = op.decl.callables[0] if op.decl.callables else ""
    return str(name).startswith("scipy.special.") and op.decl.elementwise


def only_inside(fn: Function) -> Function:
    """`fn` itself; `NoLoopForm` where it reaches what compiled code cannot: an object outside, NumPy's transforms."""
    for s in walk(fn.body):
        if isinstance(s, Op) and is_launch(s):
            raise NoLoopForm(f"a launch of the kernel {s.decl.spelling}", s.location)
        if isinstance(s, Op) and "applied" in s.attrs:
            raise NoLoopForm(
                f"`{s.decl.name}` is SciPy's, which calls functions of Python's", s.location
            )
        if isinstance(s, Op) and s.decl in SPARSE:
            raise NoLoopForm("a sparse matrix, which is SciPy's", s.location)
        if isinstance(s, Op) and s.decl in TRANSFORMS:
            raise NoLoopForm(f"`np.fft.{s.decl.name}`, which has no compiled form", s.location)
        if isinstance(s, Op) and _is_special(s) and any(is_complex(a.type) for a in s.operands):
            raise NoLoopForm(
                f"`{s.decl.callables[0]}` of complex numbers, which has no compiled form",
                s.location,
            )
        if isinstance(s, Op) and s.decl is outside_call:
            (name,) = s.attrs["bindings"]
            raise NoLoopForm(
                f"a block of srcdiff.adjoint uses `{name}`, an object from outside", s.location
            )
    return fn


def without_scipy(fn: Function) -> Function:
    """`fn` itself; `NoLoopForm` where a function of SciPy's is left that compiled code does not have."""
    for s in walk(fn.body):
        if isinstance(s, Op) and not (s.decl.compiled or s.decl.c_function or s.decl.routine):
            called = re.search(r"\bscipy\.[\w.]+", template_of(s))
            if called:
                raise NoLoopForm(f"`{called[0]}`, which has no compiled form", s.location)
    return fn
