"""`sparse_jacobian` and `sparse_hessian`: the sparsity pattern, the colouring, and products with sums of columns."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse

from srcdiff.compile.arguments.pytree import is_float_leaf, leaves, map_leaves
from srcdiff.compile.derivations.kinds import Grad, Hvp, Jvp, Value, Vjp
from srcdiff.errors import UnsupportedError
from srcdiff.handles.at_point import AtPoint
from srcdiff.handles.differentiable import generated, options_for, plain_function
from srcdiff.handles.generated import Generated
from srcdiff.handles.specialisations import Specialisation
from srcdiff.ir.types import is_complex, is_float
from srcdiff.options import Options
from srcdiff.sparsity.colouring import Pattern, coloured_by, coloured_symmetric
from srcdiff.sparsity.patterns import pattern_of
from srcdiff.sparsity.value_dependence import is_decided_by_floats, outside_values

Function = Callable[..., Any]

_MOST = 8  # the number of plans that are kept


@dataclass(frozen=True)
class Plan:
    """A plan for the evaluation of a sparse matrix.

    Attributes
    ----------
    pattern : csr_array of bool
        The entries that may be nonzero.
    columns : array of int
        The colour of each column; empty if only rows are added up.
    rows : array of int
        The colour of each row, -1 for rows whose values are in the columns' products; empty if no row products are
        needed.
    places : array of int
        For each entry, the place of its value among all products: products with columns come first.
    specialisation : Specialisation
        The program in which the pattern was found.
    is_lasting : bool
        The pattern is the same for all floats.
    """

    pattern: Pattern
    columns: np.ndarray
    rows: np.ndarray
    places: Any
    specialisation: Specialisation
    is_lasting: bool

    @property
    def count(self) -> int:
        """The number of products."""
        return _count(self.columns) + _count(self.rows)


class SparseDerivative(AtPoint):
    """A sparse Jacobian or Hessian: call it, or inspect its `pattern`.

    Attributes
    ----------
    source : str
        The readable source of the products.
    """

    def __init__(
        self, is_hessian: bool, function: Function, options: Options, mode: str = "auto"
    ) -> None:
        self.is_hessian = is_hessian
        super().__init__(function, options)
        self.mode = mode
        if is_hessian:
            self.program = generated(Grad(), function, options)
        elif isinstance(function, Generated):
            self.program = copy.copy(function)
        else:
            self.program = generated(Value(), function, options)
        self.binder = generated(Grad(), function, options)  # never called: it binds arguments
        self.along = generated(Hvp() if is_hessian else Jvp(), function, options)
        self.back = generated(Vjp(), function, options)
        for handle in (self.program, self.along, self.back):  # all values are passed by position
            handle.signature = replace(handle.signature, keyword_only=())
        self.wrt = self.binder.signature.wrt
        self.plans: dict[object, Plan] = {}
        self.latest_program: tuple[Specialisation, Any, bool] | None = None

    @property
    def label(self) -> str:
        return "sparse_hessian" if self.is_hessian else "sparse_jacobian"

    def __call__(self, *args: object, **kwargs: object) -> Any:
        values = self._values(args, kwargs)
        plan = self._plan(values)
        self._latest = self.along if len(plan.columns) else self.back
        products = [*self._columns(values, plan), *self._rows(values, plan)]
        found = np.concatenate(products) if products else np.zeros(0)
        indices, ends = plan.pattern.indices.copy(), plan.pattern.indptr.copy()
        return scipy.sparse.csr_array((found[plan.places], indices, ends), plan.pattern.shape)

    def pattern(self, *args: object, **kwargs: object) -> Any:
        """The pattern for arguments of these shapes: a `scipy.sparse.csr_array` of truth values."""
        return self._plan(self._values(args, kwargs)).pattern.copy()

    def colours(self, *args: object, **kwargs: object) -> int:
        """The number of products with vectors that compute the matrix, for arguments as in a call."""
        return self._plan(self._values(args, kwargs)).count

    def resolve(self, *args: object, **kwargs: object) -> tuple[Generated, tuple[Any, ...]]:
        values = self._values(args, kwargs)
        if not len(self._plan(values).columns):
            self._latest = self.back
            return self.back, (*values, map_leaves(_one, self.program(*values)))
        self._latest = self.along
        flat = np.ones(sum(_sizes([values[k] for k in self.wrt])))
        return self.along, (*values, *self._directions(values, flat))

    def __reduce__(self) -> Any:
        return type(self), (self.is_hessian, self.function, self.options, self.mode)

    # ---- the plan ----------------------------------------------------------------------------------

    def _values(self, args: Sequence[Any], kwargs: dict[str, object]) -> tuple[Any, ...]:
        bound = self.binder.signature.bind(args, kwargs, frozenset(), self.binder.place)
        return tuple(bound.values)

    def _plan(self, values: tuple[object, ...]) -> Plan:
        self._refuse(values)
        specialisation, fn, is_lasting = self._program(values)
        key = (*_key(values), *outside_values(fn))
        known = self.plans.get(key)
        if known is not None and known.specialisation is specialisation and known.is_lasting:
            return known
        pattern = pattern_of(fn, values, self.wrt)
        if self.is_hessian:
            pattern = scipy.sparse.csr_array(pattern + pattern.T)
        if known is not None and _same(known.pattern, pattern):
            return known
        made = self._made(pattern, specialisation, is_lasting)
        while len(self.plans) >= _MOST:
            del self.plans[next(iter(self.plans))]
        self.plans[key] = made
        return made

    def _program(self, values: tuple[object, ...]) -> tuple[Specialisation, Any, bool]:
        """The program in which the pattern is found, and whether the pattern lasts."""
        specialisation = self.program.specialise(*values)
        if self.latest_program is None or self.latest_program[0] is not specialisation:
            fn, _ = self.program.program_for(*values)
            if not any(is_float(y.type) for y in fn.body.yields):
                raise UnsupportedError(
                    f"a Jacobian needs a function that returns floats; {self.program.signature.name} returns none",
                    "Return a float, an array of floats, or a container of them.",
                    fn.location,
                )
            if any(is_complex(y.type) for y in fn.body.yields):
                raise UnsupportedError(
                    f"{self.program.signature.name} returns complex numbers, which have no Jacobian here",
                    "Return the real and the imaginary part.",
                    fn.location,
                )
            self.latest_program = specialisation, fn, not is_decided_by_floats(fn)
        return self.latest_program

    def _refuse(self, values: tuple[object, ...]) -> None:
        """Raise, in the user's terms, for a function without a derivative, before anything is run."""
        if any(np.iscomplexobj(leaf) for k in self.wrt for leaf in leaves(values[k])):
            raise UnsupportedError(
                "there is no sparse Jacobian with respect to complex numbers",
                "Pass the real and the imaginary part as two arguments, or use srcdiff.jacobian.",
                self.binder.place(),
            )
        if self.mode == "reverse":
            self.back.specialise(*values, None)
            return
        flat = np.zeros(sum(_sizes([values[k] for k in self.wrt])))
        self.along.specialise(*values, *self._directions(values, flat))

    def _made(self, pattern: Pattern, specialisation: Specialisation, is_lasting: bool) -> Plan:
        rows, columns = (
            np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr)),
            pattern.indices,
        )
        if self.is_hessian:
            of_columns, alone = coloured_symmetric(pattern)
            of_rows = np.zeros(0, dtype=np.int64)
            swapped = alone[rows] & ~alone[columns]
            rows, columns = np.where(swapped, columns, rows), np.where(swapped, rows, columns)
        else:
            of_columns, of_rows = coloured_by(self.mode, pattern)
        count, length = pattern.shape
        places = of_columns[columns] * count + rows if len(of_columns) else 0
        if len(of_rows):
            in_rows = (_count(of_columns) * count) + of_rows[rows] * length + columns
            places = np.where(of_rows[rows] < 0, places, in_rows)
        return Plan(pattern, of_columns, of_rows, places, specialisation, is_lasting)

    # ---- products ----------------------------------------------------------------------------------

    def _columns(self, values: tuple[object, ...], plan: Plan) -> list[np.ndarray]:
        """Products with the sums of the columns of each colour."""
        out = []
        for colour in range(_count(plan.columns)):
            directions = self._directions(values, (plan.columns == colour).astype(float))
            found = self.along(*values, *directions)
            if not self.is_hessian:
                found = found[1]
            out.append(_flat(found, plan.pattern.shape[0], self.function))
        return out

    def _directions(self, values: tuple[object, ...], flat: np.ndarray) -> tuple[object, ...]:
        """The argument's tangents, from one vector."""
        made = _filled([values[k] for k in self.wrt], flat)
        if self.is_hessian and self.along.signature.spread:
            return (tuple(made),)
        return tuple(made)

    def _rows(self, values: tuple[object, ...], plan: Plan) -> list[np.ndarray]:
        """Sums of the rows of each colour."""
        if not len(plan.rows):
            return []
        value = self.program(*values)
        out = []
        for colour in range(_count(plan.rows)):
            (weights,) = _filled([value], (plan.rows == colour).astype(float))
            _, found = self.back(*values, weights)
            out.append(_flat(found, plan.pattern.shape[1], self.function))
        return out


def _one(leaf: np.ndarray) -> np.ndarray | None:
    return np.ones_like(leaf) if is_float_leaf(leaf) else None


def _sizes(trees: object) -> Iterator[int]:
    return (np.size(leaf) for leaf in leaves(trees) if is_float_leaf(leaf))


def _filled(trees: Sequence[object], flat: np.ndarray) -> list[Any]:
    """Structures of the same form with the numbers of a vector; None in the place of values that are not floats."""
    at = 0

    def next_part(leaf: Any) -> Any:
        nonlocal at
        if not is_float_leaf(leaf):
            return None
        part = flat[at : at + np.size(leaf)]
        at += np.size(leaf)
        if isinstance(leaf, np.ndarray):
            return part.reshape(leaf.shape).astype(leaf.dtype)
        return type(leaf)(part[0])

    return [map_leaves(next_part, tree) for tree in trees]


def _flat(tree: object, length: int, function: object) -> np.ndarray:
    """The floats of a structure in one vector."""
    parts = [np.ravel(leaf) for leaf in leaves(tree) if is_float_leaf(leaf)]
    found = np.concatenate(parts) if parts else np.zeros(0)
    assert len(found) == length, f"{len(found)} derivatives for {length} rows"
    return found


def _key(values: tuple[object, ...]) -> tuple[Any, ...]:
    """The key of a pattern: the shapes of floats, and the values of all else."""
    parts: list[Any] = []
    for leaf in leaves(values):
        if isinstance(leaf, np.ndarray):
            is_float = leaf.dtype.kind in "fc"
            parts.append((leaf.dtype.str, leaf.shape, b"" if is_float else leaf.tobytes()))
        else:
            parts.append(type(leaf) if is_float_leaf(leaf) else (type(leaf), repr(leaf)))
    return tuple(parts)


def _same(a: Any, b: Any) -> bool:
    return (
        a.shape == b.shape
        and np.array_equal(a.indptr, b.indptr)
        and np.array_equal(a.indices, b.indices)
    )


def _count(colours: np.ndarray) -> int:
    return int(colours.max(initial=-1)) + 1


def sparse_jacobian(f: Function, mode: str = "auto", **options: object) -> SparseDerivative:
    """The Jacobian as a sparse matrix: `J(*args)` gives a `scipy.sparse.csr_array`.

    The rows are the floats of the result, the columns those of the arguments at `argnums`, in order; arrays are taken
    in C order, containers part by part.

    Parameters
    ----------
    mode : "auto", "forward" or "reverse"
        Forward mode adds up columns that share no row, reverse mode rows that share no column. "auto" selects the
        choice that needs fewer products: one mode, or forward mode with reverse mode for a few full rows.

    Notes
    -----
    The pattern is found by a run of the program with sets of columns beside its values, once for each choice of shapes
    and of arguments that are not floats. It is found anew in each call if floats decide branches, iterations of loops,
    indices or lengths. An entry in the pattern may still be zero. Options as for `differentiate`.

    Raises
    ------
    UnsupportedError
        If there is no derivative.

    Examples
    --------
    >>> import numpy as np
    >>> J = sparse_jacobian(lambda x: x[1:] * x[:-1])
    >>> J(np.array([1.0, 2.0, 3.0, 4.0])).toarray()
    array([[2., 1., 0., 0.],
           [0., 3., 2., 0.],
           [0., 0., 4., 3.]])
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f"mode={mode!r}: expected 'auto', 'forward' or 'reverse'")
    return SparseDerivative(False, plain_function(f), _plain_options(f, options), mode)


def sparse_hessian(f: Function, **options: object) -> SparseDerivative:
    """The Hessian of a scalar function as a sparse matrix: `H(*args)` gives a `scipy.sparse.csr_array`.

    Rows and columns are the floats of the arguments at `argnums`, as the columns of `sparse_jacobian`; so are pattern
    and options. The pattern is that of the gradient's program.

    Raises
    ------
    UnsupportedError
        Where there is no derivative.

    Examples
    --------
    >>> import numpy as np
    >>> H = sparse_hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))
    >>> H(np.array([1.0, 2.0, 3.0])).toarray()
    array([[4., 2., 0.],
           [2., 6., 4.],
           [0., 4., 0.]])
    """
    return SparseDerivative(True, plain_function(f), _plain_options(f, options))


def _plain_options(f: object, options: Mapping[str, object]) -> Options:
    made = options_for(f, options)
    if made.has_aux:
        raise UnsupportedError(
            "a sparse matrix comes without further results",
            "Return the value alone from a function of its own.",
        )
    return made
