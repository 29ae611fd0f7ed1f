"""Loads the corpus of programs, and differentiates them by finite differences.

`load("targets")`, `load("programs")` and `load("all")` return tuples of `Program`. A structure is
what programs take and gradients return: floats, arrays, tuples, lists, dicts, named tuples and
dataclasses, nested. Only floats in it (Python's, NumPy's, arrays of them) are differentiated;
`None` stands in the place of everything else (integers, flags, names, functions).
"""

import copy
import dataclasses
import functools
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

CORPUS = Path(__file__).parent / "corpus"


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """One file of the corpus; compared by identity, so it can be a key and a pytest parameter."""

    name: str
    module: ModuleType
    function: Callable[..., float]
    examples: tuple[tuple[Any, ...], ...]
    wrt: tuple[int, ...]
    unconverged: bool

    def __repr__(self) -> str:
        return self.name

    def arguments(self, example: int) -> tuple[Any, ...]:
        """A fresh copy of an example's arguments: the caller may write into them."""
        return copy_structure(self.examples[example])

    def value(self, example: int) -> float:
        return float(self.function(*self.arguments(example)))

    def gradients(self, example: int) -> tuple[Any, ...]:
        """By finite differences, one for each position in `wrt`; computed once per process."""
        return copy_structure(_gradients(self, example))

    def target_value_and_grad(self) -> Callable[..., tuple[float, Any]]:
        """The gradient code that a target file carries."""
        return vars(self.module)[f"{self.function.__name__}_value_and_grad"]


@functools.cache
def _gradients(program: Program, example: int) -> tuple[Any, ...]:
    return finite_difference_grad(program.function, program.examples[example], program.wrt)


@functools.cache
def load(kind: str) -> tuple[Program, ...]:
    """All programs of a kind ("targets", "programs" or "all"), sorted by name."""
    if kind == "all":
        return load("targets") + load("programs")
    files = sorted((CORPUS / kind).glob("*.py"))
    if not files:
        raise ValueError(f"no programs in {CORPUS / kind}")
    return tuple(_program(kind, path) for path in files)


def _program(kind: str, path: Path) -> Program:
    module = _import(f"corpus_{kind}_{path.stem}", path)
    function = module.FUNCTION if kind == "programs" else _target_function(module)
    return Program(
        name=path.stem,
        module=module,
        function=function,
        examples=tuple(module.EXAMPLES),
        wrt=module.WRT,
        unconverged=getattr(module, "UNCONVERGED", False),
    )


def _import(name: str, path: Path) -> ModuleType:
    """Import by path; in `sys.modules`, so that what is defined there pickles."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _target_function(module: ModuleType) -> Callable[..., float]:
    suffix = "_value_and_grad"
    (name,) = [name.removesuffix(suffix) for name in vars(module) if name.endswith(suffix)]
    return vars(module)[name]


# ---- structures --------------------------------------------------------------


def children(structure: Any) -> list[Any] | None:
    """The parts of a container in a fixed order, or None for a leaf."""
    if isinstance(structure, dict):
        return list(structure.values())
    if isinstance(structure, tuple | list):
        return list(structure)
    if dataclasses.is_dataclass(structure) and not isinstance(structure, type):
        return [getattr(structure, field.name) for field in dataclasses.fields(structure)]
    return None


def rebuild(structure: Any, parts: list[Any]) -> Any:
    """A container like `structure` with other parts."""
    if isinstance(structure, dict):
        return dict(zip(structure, parts, strict=True))
    if isinstance(structure, tuple):
        make = getattr(type(structure), "_make", type(structure))
        return make(parts)
    if isinstance(structure, list):
        return parts
    fields = [field.name for field in dataclasses.fields(structure)]
    return dataclasses.replace(structure, **dict(zip(fields, parts, strict=True)))


def map_structure(leaf: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with `leaf` applied to each leaf."""
    parts = children(structure)
    if parts is None:
        return leaf(structure)
    return rebuild(structure, [map_structure(leaf, part) for part in parts])


def leaves(structure: Any) -> list[Any]:
    """All leaves in order; dicts in the order of their keys' insertion."""
    parts = children(structure)
    if parts is None:
        return [structure]
    return [leaf for part in parts for leaf in leaves(part)]


def copy_structure(structure: Any) -> Any:
    """A copy in which no two arrays share memory; functions and such are kept as they are."""
    return map_structure(copy.deepcopy, structure)


def is_float_leaf(leaf: Any) -> bool:
    if isinstance(leaf, np.ndarray):
        return leaf.dtype.kind == "f"
    return isinstance(leaf, float | np.floating)


def flatten(structure: Any) -> np.ndarray:
    """All floats of a structure in one 1-d array; dicts by sorted key, other leaves skipped."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    parts = children(structure)
    if parts is not None:
        return np.concatenate([np.zeros(0), *(flatten(part) for part in parts)])
    if is_float_leaf(structure):
        return np.ravel(np.asarray(structure, dtype=float))
    return np.zeros(0)


# ---- finite differences ------------------------------------------------------


def finite_difference_grad(
    function: Callable[..., float],
    args: tuple[Any, ...],
    wrt: int | tuple[int, ...],
    step: float = 8e-3,
) -> Any:
    """Gradient by central differences, Richardson-extrapolated; shaped like the arguments.

    A tuple with one gradient for each position in `wrt`, or the bare gradient for an int. `args`
    are never modified. Infinite and NaN entries get 0, as no difference can be taken there.
    """
    if isinstance(wrt, int):
        return _argument_gradient(function, args, wrt, step)
    return tuple(_argument_gradient(function, args, position, step) for position in wrt)


def _argument_gradient(
    function: Callable[..., float], args: tuple[Any, ...], position: int, step: float
) -> Any:
    argument = args[position]
    old_leaves = leaves(argument)

    def call(number: int, leaf: Any) -> float:
        changed = iter([*old_leaves[:number], leaf, *old_leaves[number + 1 :]])
        moved = map_structure(lambda _: next(changed), argument)
        return float(function(*copy_structure((*args[:position], moved, *args[position + 1 :]))))

    gradients = iter(
        [
            _leaf_gradient(functools.partial(call, number), leaf, step)
            for number, leaf in enumerate(old_leaves)
        ]
    )
    return map_structure(lambda _: next(gradients), argument)


def _leaf_gradient(function: Callable[[Any], float], leaf: Any, step: float) -> Any:
    if not is_float_leaf(leaf):
        return None
    if not isinstance(leaf, np.ndarray):
        return _derivative(function, float(leaf), step)
    gradient = np.zeros(leaf.shape)
    for index in np.ndindex(leaf.shape):

        def along(entry: float, index: tuple[int, ...] = index) -> float:
            moved = leaf.copy()
            moved[index] = entry
            return function(moved)

        gradient[index] = _derivative(along, float(leaf[index]), step)
    return gradient


def _derivative(function: Callable[[float], float], x: float, step: float) -> float:
    """Ridders' method: differences at four steps; the extrapolation that agrees best is taken."""
    if not np.isfinite(x):
        return 0.0
    best, smallest_error = np.nan, np.inf
    row: list[float] = []
    for level in range(4):
        h = step / 2.0**level
        previous, row = row, [(function(x + h) - function(x - h)) / (2.0 * h)]
        for order, coarser in enumerate(previous, 1):
            row.append(row[-1] + (row[-1] - coarser) / (4.0**order - 1.0))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - coarser))
            if error < smallest_error:
                best, smallest_error = row[-1], error
    return best
