"""The layout analysis agrees with the layouts that NumPy makes."""

import numpy as np
import pytest
from ops.rule_tools import NAMES, SAMPLES, label, make_op
from transforms.sources import source

from srcdiff.frontend.source.argument_types import describe_arguments
from srcdiff.frontend.trace import trace
from srcdiff.ir.core import Function, Region
from srcdiff.ir.syntax.spelling import template_of
from srcdiff.ir.types import Array
from srcdiff.ir.values import Value
from srcdiff.ops.shapes import permutations
from srcdiff.transforms.analysis.memory_layout import all_layouts

CALLED = [(d, k) for d, k in SAMPLES if d.evaluate is None and d.name != "broadcast_to"]


@pytest.mark.parametrize("is_transposed", [False, True], ids=["in C order", "transposed"])
@pytest.mark.parametrize("case", CALLED, ids=label)
def test_results_have_the_layout_that_the_analysis_finds(case, is_transposed):
    decl, k = case
    sample = decl.samples[k]
    values = sample.args(np.random.default_rng(k))
    op, b, _ = make_op(decl, values, sample.attrs)
    params, operands, given = [], [], []
    for atom, value in zip(op.operands, values, strict=True):
        if isinstance(atom, Value):
            is_swapped = is_transposed and isinstance(atom.type, Array)
            param = Value(Array(atom.type.dtype, atom.type.shape[::-1])) if is_swapped else atom
            params.append(param)
            atom = b.op(permutations.transpose, param) if is_swapped else atom
            value = np.ascontiguousarray(value.T).T if is_swapped else value
        operands.append(atom)
        given.append(value)
    results = b.ops(decl, *operands, **sample.attrs)
    op = b.body[-1]
    layouts = all_layouts(Function("f", Region(tuple(params), tuple(b.body), results), 0))
    names = {f"_{k}": v for k, v in enumerate(given)}
    out = eval(template_of(op).format(*names), NAMES | names)
    for result, array in zip(results, out if isinstance(out, tuple) else (out,), strict=True):
        if result in layouts and array.size:
            assert layouts[result].contiguous in (None, array.flags.c_contiguous)


VIEWS = [
    "y[1]", "y[1:]", "y[:, 0]", "y[:, 1:3]", "y[1:2, 1:3]", "y[::2]", "y[::-1]", "y[1, ::2]", "y[1, 1:]", "y[None, 1:]",
    "y[..., 0]", "y[:, None, 1:]", "y[0:1, ::-1]", "y[:, :]", "y[-1:, :2]", "y.T", "y.T[1]", "y.T[:, 1]", "y[:, :1].T",
    "y.T[1:]", "np.flip(y)", "np.flipud(y)", "y[:1].T", "y[1:].reshape(-1)", "y[:, 1:].reshape(-1)", "y.T.reshape(-1)",
    "y[:, 1:].reshape(3, 3, 1)", "y.T.ravel()", "y.T * 2.0", "y.T * y.T", "y[:, 1:] * 2.0", "y[::-1] * 2.0", "y + x[0]",
    "y.T + y.T[:, :1]", "np.zeros_like(y.T)", "np.copy(y.T)", "y.T.copy()", "np.array(y.T)", "y[:, [2, 0]]",
    "y[[2, 0]]", "y[[2, 0], 1:]", "y.T @ y", "np.stack([y, y], axis=1)", "np.sum(np.ones((2, 1, 1)) * y.T, axis=0)",
    "np.where(y.T > 0.0, y.T, 0.0)", "np.moveaxis(y, 0, 1)", "y.swapaxes(0, 1).swapaxes(0, 1)", "np.exp(y).T[::2]",
    "y[:, None].swapaxes(0, 1)", "y[:, None].swapaxes(0, 2)", "np.moveaxis(y[None], 0, 1)", "np.moveaxis(y[None], 2, 0)",
]  # fmt: skip


@pytest.mark.parametrize("start", ["x", "np.ones((3, 4)) * x[0, 0]"])
@pytest.mark.parametrize("view", VIEWS)
def test_views_have_the_layout_that_the_analysis_finds(view, start):
    f = source(f"def f(x):\n    y = {start}\n    v = {view}\n    return v\n")
    x = np.arange(12.0).reshape(3, 4)
    types, lengths = describe_arguments((x,), ("x",))
    fn = trace(f, types, shapes_actual=lengths)
    layouts = all_layouts(fn)
    (result,) = fn.body.yields
    assert layouts[result].contiguous in (None, f(x).flags.c_contiguous)


@pytest.mark.parametrize(
    ("view", "is_known"),
    [("y[1]", True), ("y[1:]", True), ("y[1, 2:]", True), ("y.T", False), ("y[:, 1]", False), ("y * x", True)],
)  # fmt: skip
def test_what_programs_reshape_mostly_is_known(view, is_known):
    f = source(f"def f(x):\n    y = x.copy()\n    v = {view}\n    return v\n")
    types, lengths = describe_arguments((np.ones((3, 4)),), ("x",))
    fn = trace(f, types, shapes_actual=lengths)
    assert all_layouts(fn)[fn.body.yields[0]].contiguous is is_known
