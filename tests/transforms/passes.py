"""The contract of a pass, checked on a program given as text: valid IR, the same meaning, idempotence."""

from __future__ import annotations

import copy
import textwrap

import numpy as np

from srcdiff.ir.reference.interpreter import evaluate
from srcdiff.ir.syntax.parser import parse
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.verify import verify
from srcdiff.ops.core.registry import OPERATIONS


def program(text):
    fn = parse(textwrap.dedent(text).strip(), OPERATIONS)
    assert verify(fn) == []
    return fn


def result(fn, args):
    return evaluate(fn, *copy.deepcopy(args))


def assert_same(left, right):
    if isinstance(left, tuple | list):
        assert len(left) == len(right)
        for a, b in zip(left, right, strict=True):
            assert_same(a, b)
    else:
        np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-14)


def changed(change, fn, *args):
    """The function after a pass that keeps its promises; `args` are what it is evaluated for."""
    new = change(fn)
    assert verify(new) == []
    assert to_text(change(new)) == to_text(new), "the pass finds more to do in its own result"
    if args:
        assert_same(result(fn, args), result(new, args))
    return new


def check(change, before, after, *args):
    """A pass makes one text of the other."""
    new = changed(change, program(before), *args)
    assert to_text(new) == to_text(program(after))


def unchanged(change, text, *args):
    check(change, text, text, *args)
