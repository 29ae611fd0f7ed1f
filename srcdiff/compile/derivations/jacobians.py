"""Jacobians and Hessians: the choice of forward or reverse mode, and the structure of the matrix.

A matrix is computed by a loop over directions (`transforms/ad/jacobian_loops.py`). A Jacobian takes tangents, column by
column, or adjoints, row by row. A Hessian takes Hessian-vector products, row by row, since it is symmetric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.locations import parameter_place
from srcdiff.ir.build import Builder, Env, clone_region, shapes_for
from srcdiff.ir.core import Function, Node, Op, OpDecl, Region, Tree, leaves, walk
from srcdiff.ir.types import (
    NONE,
    Array,
    Dim,
    List,
    Size,
    Struct,
    Type,
    is_complex,
    is_float,
    shape_of,
    size_of,
)
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import reductions
from srcdiff.ops.control.control import assert_, raise_
from srcdiff.ops.elementwise import complex_numbers
from srcdiff.transforms.ad.adjoints.accumulate import adjoint_type
from srcdiff.transforms.ad.jacobian_loops import NOTHING, along_all, flat_uncopied, numbers_in
from srcdiff.transforms.analysis.activity import active_values


def with_parts_as_results(fn: Function, wrt: Sequence[int], has_aux: bool) -> Function:
    """The function of which a matrix has the derivatives: its results are numbers and arrays.

    Raises
    ------
    UnsupportedError
        Where no result is a float, or where results or arguments contain lists.
    """
    for k in wrt:
        if any(isinstance(t, List) and is_float(t) for t in numbers_in(fn.params[k].type)):
            raise UnsupportedError(
                f"a Jacobian with respect to a list has no shape: {fn.params[k].name!r}",
                "Pass a tuple, or an array.",
                parameter_place(fn.location, fn.params[k].name),
            )
    if has_aux:
        if not isinstance(fn.output, Node) or len(fn.output.children) != 2:
            raise UnsupportedError(
                f"has_aux=True, but {fn.label} does not return a pair",
                "Return (value, aux).",
                fn.location,
            )
        fn = part_of_result(fn, 0)
    fn = flat_uncopied(fn)
    types = [y.type for y in fn.body.yields]
    if any(isinstance(t, List) and is_float(t) for t in types):
        raise UnsupportedError(
            f"{fn.label} returns a list, whose derivatives do not form a matrix",
            "Return an array (np.array, np.stack) or a tuple.",
            fn.location,
        )
    if not any(map(is_float, types)):
        raise UnsupportedError(
            f"a Jacobian needs a function that returns floats; {fn.label} returns none",
            "Return a float, an array of floats, or a container of them.",
            fn.location,
        )
    for t in types:
        if is_float(t) and getattr(t, "dtype", "").startswith("complex"):
            raise UnsupportedError(
                f"{fn.label} returns complex numbers, which have no Jacobian here",
                "Return the real and the imaginary part.",
                fn.location,
            )
    return fn


def with_aux(fn: Function, primal: Function) -> Function:
    """A matrix of derivatives with what a function returns besides its value: `(matrix, aux)`.

    The function itself stands in front. Equal computations of both are done once, except loops.

    Raises
    ------
    UnsupportedError
        Where the function draws or prints, which it would do twice.
    """
    effects = (s for s in walk(primal.body) if isinstance(s, Op) and s.decl.effect)
    twice = next((s for s in effects if s.decl not in (assert_, raise_)), None)
    if twice is not None:
        raise UnsupportedError(
            "has_aux=True of a Jacobian: the function draws or prints, and would do so twice",
            "Compute what it gives besides its value in another call.",
            twice.location,
        )
    assert isinstance(primal.output, Node)
    aux = part_of_result(primal, 1)
    env: Env = dict(zip(aux.params, fn.params, strict=False))
    body = clone_region(Region((), aux.body.body, aux.body.yields), env)
    count = len(fn.body.yields)

    def behind(tree: Tree) -> Tree:
        if isinstance(tree, int):
            return count + tree
        return replace(tree, children=tuple(map(behind, tree.children)))

    statements, yields = (*body.body, *fn.body.body), (*fn.body.yields, *body.yields)
    output = Node("tuple", (0, 1), (fn.output, behind(aux.output)))
    return replace(fn, body=Region(fn.params, statements, yields), output=output)


def summed(fn: Function, has_aux: bool) -> Function:
    """The function whose result is the sum of its array of floats."""
    k = _position(fn, has_aux)
    type_ = None if k is None else fn.body.yields[k].type
    if k is None or not isinstance(type_, Array) or not is_float(type_):
        return fn  # a number; anything else is refused like the result of a gradient's function
    return _with_value(fn, k, reductions.sum)


def _position(fn: Function, has_aux: bool) -> int | None:
    """The position of the result, or of its first part with `has_aux`; None for a container."""
    tree = fn.output
    if has_aux and isinstance(tree, Node) and len(tree.children) == 2:
        tree = tree.children[0]
    return tree if isinstance(tree, int) else None


def _with_value(fn: Function, position: int, change: OpDecl) -> Function:
    """The function with `change` applied to one of its results."""
    b = Builder(shapes_for(fn), "adjoint", fn.location)
    changed = b.op(change, fn.body.yields[position])
    yields = tuple(changed if k == position else y for k, y in enumerate(fn.body.yields))
    return replace(fn, body=Region(fn.params, (*fn.body.body, *b.body), yields))


def real_part(fn: Function, wrt: Sequence[int], has_aux: bool) -> Function:
    """The function whose result is the real part of the complex result: of a holomorphic function it has the same
    derivative.

    Raises
    ------
    UnsupportedError
        Where the result or an argument is not complex.
    """
    for k in wrt:
        if not is_complex(fn.params[k].type):
            raise UnsupportedError(
                f"a complex derivative needs a complex argument: {fn.params[k].name!r} is not",
                f"Pass {fn.params[k].name} + 0j, or use grad or elementwise_grad.",
                parameter_place(fn.location, fn.params[k].name),
            )
    position = _position(fn, has_aux)
    if position is None or not is_complex(fn.body.yields[position].type):
        return fn
    return _with_value(fn, position, complex_numbers.real)


def complex_argument(fn: Function, wrt: Sequence[int]) -> Value | None:
    """The first complex argument that a matrix is with respect to: reverse mode gives its rows."""
    return next((fn.params[k] for k in wrt if is_complex(fn.params[k].type)), None)


def refuse_complex_hessian(fn: Function, wrt: Sequence[int]) -> None:
    """Refuse complex arguments: their second derivatives are not a matrix of complex numbers."""
    found = complex_argument(fn, wrt)
    if found is not None:
        raise UnsupportedError(
            f"there is no Hessian with respect to complex numbers: {found.name!r}",
            "Pass the real and the imaginary part as two arguments, or use hvp for single directions.",
            parameter_place(fn.location, found.name),
        )


def part_of_result(fn: Function, part: int) -> Function:
    """The function that returns one part of its result; all statements stay."""
    assert isinstance(fn.output, Node)
    tree = fn.output.children[part]
    kept = leaves(tree)

    def numbered(t: Tree) -> Tree:
        if isinstance(t, int):
            return kept.index(t)
        return replace(t, children=tuple(map(numbered, t.children)))

    body = replace(fn.body, yields=tuple(fn.body.yields[k] for k in kept))
    return replace(fn, body=body, output=numbered(tree))


def chosen_mode(
    fn: Function, wrt: Sequence[int], mode: str, lengths: Mapping[str, int]
) -> tuple[str, tuple[tuple[Size, Size], ...]]:
    """The mode as given, or for "auto" forward mode where there are at most as many inputs as outputs. Also returns the
    compared sizes: pairs of which the first is at most the second.
    """
    if mode != "auto":
        return mode, ()
    inputs = tuple(d for k in wrt for d in _shapes(fn.params[k].type))
    outputs = tuple(d for y in fn.body.yields for d in _shapes(y.type))
    columns, rows = _fixed(inputs), _fixed(outputs)
    if columns == 1 or rows == 1:
        return ("forward" if columns == 1 else "reverse"), ()
    if columns is not None and rows is not None:
        return ("forward" if columns <= rows else "reverse"), ()
    try:
        if size_of(inputs, lengths) <= size_of(outputs, lengths):
            return "forward", ((inputs, outputs),)
    except KeyError:  # a length that only the run knows
        return "forward", ()
    return "reverse", (((*outputs, ()), inputs),)


def _shapes(type_: Type) -> list[tuple[Dim, ...]]:
    """The shapes of the floats in a type."""
    if isinstance(type_, Struct):
        return [shape for part in type_.parts for shape in _shapes(part)]
    return [shape_of(type_)] if is_float(type_) else []


def _fixed(size: Size) -> int | None:
    return size_of(size, {}) if all(d.is_const for shape in size for d in shape) else None


def matrix(
    along: Function,
    primal: Function,
    wrt: Sequence[int],
    as_tuple: bool,
    rows: bool = True,
    of_gradient: bool = False,
) -> Function:
    """The derivative along all directions, from the derivative along one: a Jacobian, or `of_gradient` a Hessian.

    `along` takes a direction for each argument at `wrt`, or a weight for each float result of `primal`.
    """
    fn = flat_uncopied(along)
    count = len(fn.params) - len(primal.params)
    given, results = [primal.params[k] for k in wrt], primal.body.yields
    inputs = [label for p in given for label in _labels(p.type, p.name)]
    if not of_gradient:
        outputs = [y.name if isinstance(y, Value) else "" for y in results]
        if len(set(outputs)) < len(outputs) or not all(outputs):
            outputs = [str(k) for k in range(len(outputs))]
    else:
        outputs = inputs
    floats = [is_float(y.type) for y in results]
    names = _names("hessian" if of_gradient else "jacobian", outputs, inputs)
    if rows and not of_gradient:
        tree = _counted(primal.output, floats)
        names = [row for row, is_float_ in zip(names, floats, strict=True) if is_float_]
    else:
        tree = _tree([p.type for p in given], as_tuple or len(wrt) > 1)
        if not of_gradient:
            names = [list(column) for column in zip(*names, strict=True)]
    differentiated = [p.type for p in given] if rows else [y.type for y in results]
    types = [
        adjoint_type(t) if is_float(t) else NONE for g in differentiated for t in numbers_in(g)
    ]
    made = along_all(fn, count, types, tree, rows=rows, names=names)
    active = active_values(primal, given, results)
    independent = tuple(k for k, p in zip(wrt, given, strict=True) if p not in active)
    return replace(made, derivative=replace(made.derivative, independent=independent))


def _names(matrix: str, outputs: Sequence[str], inputs: Sequence[str]) -> list[list[str]]:
    """The names of the blocks, one row for each output: `jacobian_h_W`."""

    def name(output: str, given: str) -> str:
        of = output if len(outputs) > 1 else ""
        by = given if len(inputs) > 1 else ""
        return "_".join(filter(None, (matrix, of, by)))

    return [[name(o, i) for i in inputs] for o in outputs]


def _labels(type_: Type, name: str) -> list[str]:
    """The names of the numbers and arrays in an argument."""
    if not isinstance(type_, Struct):
        return [name]
    return [
        label
        for key, part in zip(type_.keys, type_.parts, strict=True)
        for label in _labels(part, key if str(key).isidentifier() else f"{name}_{key}")
    ]


def _counted(tree: Tree, floats: Sequence[bool]) -> Tree:
    """The structure of results, its leaves counted over the floats."""
    if isinstance(tree, int):
        return sum(floats[:tree]) if floats[tree] else NOTHING
    return replace(tree, children=tuple(_counted(c, floats) for c in tree.children))


def _tree(types: Sequence[Type], as_tuple: bool) -> Tree:
    """The structure of arguments, its leaves counted."""
    count = 0

    def tree(t: Type) -> Tree:
        nonlocal count
        if isinstance(t, Struct):
            return Node(t.kind, t.keys, tuple(map(tree, t.parts)), t.cls)
        count += 1
        return count - 1 if is_float(t) else NOTHING

    trees = tuple(map(tree, types))
    return Node("tuple", tuple(range(len(trees))), trees) if as_tuple else trees[0]
