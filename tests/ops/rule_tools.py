"""Running operations, and their derivative rules, as the NumPy text that they are: the compiler has no part in it."""

import ast
import inspect
import textwrap
from functools import cache
from types import SimpleNamespace

import numpy as np
import scipy.integrate
import scipy.linalg
import scipy.signal
import scipy.special

from srcdiff.ir.build import Builder
from srcdiff.ir.core import If, Op, OpDecl
from srcdiff.ir.dims import Shapes
from srcdiff.ir.syntax.spelling import template_of
from srcdiff.ir.types import Array, Dim, Scalar, shape_of
from srcdiff.ir.values import Value, const
from srcdiff.ops.core.lazy_module import LazyModule
from srcdiff.ops.core.operand_roles import carries_derivative
from srcdiff.ops.core.registry import OPERATIONS

NAMES = {"np": np, "scipy": scipy, "abs": abs, "complex": complex, "min": min, "max": max}

DIFFERENTIABLE = [
    d
    for d in OPERATIONS.values()
    if d.differentiable and (d.rule or d.build or d.scatter) and d.name not in ("index", "gather")
]
SAMPLES = [(d, k) for d in OPERATIONS.values() for k in range(len(d.samples))]


def label(case):
    return case.name if isinstance(case, OpDecl) else f"{case[0].name}-{case[1]}"


def is_float(value) -> bool:
    return not isinstance(value, bool | int | None) and np.asarray(value).dtype.kind == "f"


# ---- operations --------------------------------------------------------------------------------------------------


def operand(value, lengths: dict):
    """What stands for a value in the IR: symbols for its lengths, except 1 and 0; integers are constants."""
    if isinstance(value, complex) and not isinstance(value, np.generic):
        return Value(Scalar("complex128", True))
    if isinstance(value, float):
        return Value(Scalar("float64", True))
    if isinstance(value, np.ndarray) and value.ndim:
        dims = [Dim(n) if n < 2 else Dim.of(f"n{n}") for n in value.shape]
        lengths.update({f"n{n}": n for n in value.shape})
        return Value(Array(value.dtype.name, tuple(dims)))
    if isinstance(value, np.generic | np.ndarray):
        return Value(Scalar(value.dtype.name, False))
    return const(value)


def make_op(decl: OpDecl, values, attrs) -> tuple[Op, Builder, dict]:
    lengths: dict = {}
    atoms = [operand(v, lengths) for v in values]
    b = Builder(Shapes(rigid=set(lengths), actual={}))
    b.ops(decl, *atoms, **attrs)
    (op,) = b.body
    b.body.clear()
    return op, b, lengths


def evaluate(op: Op, values, lengths: dict):
    """The result of an operation, by its own evaluator or its text."""
    if op.decl.name == "length":
        return op.attrs["dim"].evaluate(lengths)
    if op.decl.name == "expand":
        return np.broadcast_to(values[0], [d.evaluate(lengths) for d in op.attrs["type"].shape])
    if op.decl.evaluate is not None:
        return op.decl.evaluate(list(values), op.attrs)
    text = template_of(op).format(*(f"_{k}" for k in range(len(values))))
    names = {f"_{k}": v for k, v in enumerate(values)}
    return eval(text, NAMES | names)


def apply(decl: OpDecl, values, attrs):
    op, _, lengths = make_op(decl, values, attrs)
    return evaluate(op, values, lengths)


# ---- rules ---------------------------------------------------------------------------------------------------------


@cache
def runnable(rule):
    """The rule as a function that gives its local variables."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(rule)))
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    function.decorator_list = []
    function.name = "_rule"
    function.body.append(ast.parse("return locals()").body[0])
    module = ast.fix_missing_locations(ast.Module([function], []))
    names = {k: as_function(v) for k, v in rule.__globals__.items()}
    exec(compile(module, f"<{rule.__name__}>", "exec"), names)
    return names["_rule"]


def as_function(value):
    """An operation that a rule names, as a function of values; of a module of operations each."""
    if isinstance(value, LazyModule) and "srcdiff" in repr(value):
        return SimpleNamespace(
            **{n: as_function(getattr(value, n)) for n in ("beta_path", "gamma_path")}
        )
    if not isinstance(value, OpDecl):
        return value
    return lambda *values, **attrs: apply(value, values, attrs)


def numpy_scalar(value):
    return (
        value if value is None or isinstance(value, np.ndarray | tuple) else np.asarray(value)[()]
    )


def operand_names(rule) -> list[str]:
    parameters = inspect.signature(rule).parameters.values()
    return [
        p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty
    ]


def contributions(decl: OpDecl, values, attrs, out, d_out) -> list:
    """The adjoints of an operation's operands; None for those without."""
    op, b, lengths = make_op(decl, values, attrs)
    makes_more = (
        decl.rule is not None and not isinstance(out, tuple) and np.ndim(out) > np.ndim(values[0])
    )
    if decl.scatter is not None and not makes_more:
        buffer = np.zeros(np.shape(values[0]))
        decl.scatter.evaluate([buffer, d_out, *values[1:]], attrs)
        return [buffer, *[None] * (len(values) - 1)]
    if decl.build is not None:
        if isinstance(
            op.results[0].type, Array
        ):  # lengths that are known only when the program runs
            pairs = zip(op.results[0].type.shape, np.shape(out), strict=True)
            lengths = {
                d.terms[0][0]: (n - d.const) // d.terms[0][1] for d, n in pairs if len(d.terms) == 1
            } | lengths
        return built(decl, op, b, values, out, d_out, lengths)
    names = operand_names(decl.rule)
    given = [numpy_scalar(v) for v in values[: len(names)]]
    rest = [numpy_scalar(v) for v in values[len(names) :]]
    result = out if not isinstance(out, tuple) else tuple(map(numpy_scalar, out))
    found = runnable(decl.rule)(
        *given, *rest, **attrs, out=numpy_scalar(result), d_out=numpy_scalar(d_out)
    )
    missing = [None] * len(rest)
    is_summed = decl.elementwise or decl.broadcasts or decl.stacks
    return [
        fit(found.get(f"d_{n}"), v, found.get(f"d_{n}") if decl.stacks else out, is_summed)
        for n, v in zip(names, values, strict=False)
    ] + missing


def built(decl, op, b, values, out, d_out, lengths):
    d = Value(op.results[0].type if isinstance(d_out, list) else operand(d_out, {}).type)
    found = decl.build(b, op, [d])
    env = {a: v for a, v in zip(op.operands, values, strict=True) if isinstance(a, Value)} | {
        d: d_out
    }
    look_up = lambda a: env[a] if isinstance(a, Value) else a.value
    for statement in b.body:
        if isinstance(statement, If):  # a check
            assert not look_up(statement.condition)
            continue
        env[statement.result] = evaluate(
            statement, [look_up(a) for a in statement.operands], lengths
        )
    is_summed = [
        (k == op.view_of and a is d)
        or (np.ndim(v) == 0 and a is not None and bool(shape_of(a.type)))
        for k, (a, v) in enumerate(zip(found, values, strict=True))
    ]
    results = [None if a is None else look_up(a) for a in found]
    return [
        fit(*each) for each in zip(results, values, [out] * len(values), is_summed, strict=True)
    ]


def fit(d, value, out, elementwise: bool):
    """What the compiler makes of a rule's contribution: summed over broadcast axes, or broadcast."""
    if d is None or value is None:
        return None
    shape = np.shape(value)
    if not elementwise:
        return np.broadcast_to(d, shape)
    d = np.broadcast_to(d, np.shape(out))
    d = d.sum(axis=tuple(range(d.ndim - len(shape))))
    return d.sum(
        axis=tuple(k for k, n in enumerate(shape) if n == 1 and d.shape[k] != 1), keepdims=True
    )


def forward(decl: OpDecl, values, attrs, out, dots):
    """The tangent of the result; `dots` has None where an operand has no tangent."""
    if decl.linear:
        moved = [
            v
            if not carries_derivative(decl, k) or isinstance(v, bool)
            else np.zeros_like(v)
            if d is None
            else d
            for k, (v, d) in enumerate(zip(values, dots, strict=True))
        ]
        return apply(decl, moved, attrs)
    if decl.multilinear:
        changed = [
            [d if j == k else v for j, v in enumerate(values)]
            for k, d in enumerate(dots)
            if d is not None
        ]
        return sum(apply(decl, arguments, attrs) for arguments in changed)
    if decl.elementwise and decl.forward is None:
        names = operand_names(decl.rule)
        given = [numpy_scalar(v) for v in values]
        run = runnable(decl.rule)
        parts = [
            run(*given, **attrs, out=numpy_scalar(out), d_out=numpy_scalar(d))[f"d_{n}"]
            for n, d in zip(names, dots, strict=True)
            if d is not None
        ]
        return sum(np.broadcast_to(p, np.shape(out)) for p in parts)
    assert decl.forward is not None, f"{decl.name} has no rule for forward mode"
    asks = "is None" in inspect.getsource(decl.forward)
    tangents = {
        f"{n}_dot": np.zeros_like(v) if d is None and not asks else d
        for n, v, d in zip(operand_names(decl.forward), values, dots, strict=True)
    }
    result = tuple(map(numpy_scalar, out)) if isinstance(out, tuple) else numpy_scalar(out)
    return runnable(decl.forward)(*map(numpy_scalar, values), **attrs, **tangents, out=result)[
        "out_dot"
    ]
