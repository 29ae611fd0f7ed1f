"""The samples of operations and composites as programs that srcdiff differentiates, and what is looked at of them."""

import copy
import linecache
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import scipy.integrate
import scipy.linalg
import scipy.optimize
import scipy.signal
import scipy.special
import scipy.stats
from ops.rule_tools import make_op

import srcdiff
from srcdiff.compile.arguments.pytree import add_scaled, dot, leaves, map_leaves, random_like
from srcdiff.compile.derivations.kinds import Value
from srcdiff.handles.differentiable import generated
from srcdiff.ir.core import OpDecl
from srcdiff.ir.syntax.spelling import template_of
from srcdiff.ops.core.registry import COMPOSITES, OPERATIONS, Composite
from srcdiff.ops.core.samples import Sample
from srcdiff.options import Options

STEP = 1e-5
Declared = OpDecl | Composite


@dataclass(frozen=True, eq=False)
class Case:
    """A sample of an operation, or of a composite."""

    decl: Declared
    number: int
    is_complex: bool = False  # with imaginary parts added to the floats

    @property
    def sample(self) -> Sample:
        return self.decl.samples[self.number]

    @property
    def label(self) -> str:
        return f"{self.decl.name}-{self.number}" + ("-complex" if self.is_complex else "")

    @property
    def is_smooth(self) -> bool:
        return bool(self.sample.wrt) and not self.sample.avoid

    def values(self, dtype: str = "float64") -> tuple[Any, ...]:
        drawn = self.sample.args(np.random.default_rng(self.number))
        if self.is_complex:
            return self.complexified(drawn, "complex64" if dtype == "float32" else "complex128")
        return tuple(
            v.astype(dtype) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v
            for v in drawn
        )

    def complexified(self, drawn: tuple[Any, ...], dtype: str) -> tuple[Any, ...]:
        """Imaginary parts for the differentiated arguments, or for all floats if there are none."""
        rng = np.random.default_rng(self.number + 1)

        def made(k: int, v: Any) -> Any:
            kind = np.asarray(v).dtype.kind
            if kind == "c":
                return v.astype(dtype) if isinstance(v, np.ndarray) else v
            if kind != "f" or (self.sample.wrt and k not in self.sample.wrt):
                return v
            total = v + 1j * rng.normal(scale=0.5, size=np.shape(v))
            return total.astype(dtype) if isinstance(v, np.ndarray) else complex(total)

        return tuple(made(k, v) for k, v in enumerate(drawn))

    @property
    def text(self) -> str:
        """The call, of `x`, `y`, `z`, `w`."""
        if self.is_complex and self.sample.complex_text:
            return self.sample.complex_text
        if self.is_complex:  # which have no order
            return re.sub(r"\bx(?= [<>] )", "np.real(x)", self.sample.text or self.written)
        return self.sample.text or self.written

    @property
    def written(self) -> str:
        """The call of an operation, as it is printed."""
        if isinstance(self.decl, Composite):
            return ""
        values = replace(self, is_complex=False).values()
        op, _, _ = make_op(self.decl, values, self.sample.attrs)
        return template_of(op).format(*"xyzw"[: len(values)])

    @property
    def program(self) -> Callable[..., Any]:
        return program(self.label, self.text, len(self.values()))


@cache
def program(name: str, text: str, count: int) -> Callable[..., Any]:
    """A function that says a text."""
    return defined(f"def call({', '.join('xyzw'[:count])}):\n    return {text}\n", f"<{name}>")


def defined(source: str, file: str, name: str = "call") -> Any:
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    names: dict[str, Any] = {"np": np, "scipy": scipy}
    exec(compile(source, file, "exec"), names)
    return names[name]


def cases(declared: Iterator[Declared] | list[Declared]) -> list[Case]:
    return [Case(d, k) for d in declared for k in range(len(d.samples))]


def composites() -> list[Composite]:
    return list(COMPOSITES.values())


def operations() -> list[OpDecl]:
    """Those that stand for functions of users."""
    return [d for d in OPERATIONS.values() if d.callables and d.samples]


# ---- what is compared ------------------------------------------------------------------------------


def quietly(check: Callable[..., None], *args: Any) -> None:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(*args)


def agrees(found: Any, expected: Any, rtol: float = 1e-12, atol: float = 1e-13) -> None:
    if isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            agrees(f, e, rtol, atol)
        return
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def fresh(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Generators as they were, for each run."""
    return tuple(copy.deepcopy(v) if isinstance(v, np.random.Generator) else v for v in values)


def check_value(case: Case, dtype: str = "float64") -> None:
    """What NumPy gives, in the dtype that it gives it."""
    values = case.values(dtype)
    expected = case.program(*(v.copy() if isinstance(v, np.ndarray) else v for v in fresh(values)))
    found = generated(Value(), case.program, Options(jit=False))(*values)
    is_narrow = dtype == "float32"
    agrees(found, expected, rtol=2e-5 if is_narrow else 1e-12, atol=2e-6 if is_narrow else 1e-13)
    dtypes = [[np.asarray(a).dtype for a in leaves(r)] for r in (found, expected)]
    assert dtypes[0] == dtypes[1]


def directions(case: Case, values: tuple[Any, ...], rng: np.random.Generator) -> tuple[Any, ...]:
    return tuple(
        random_like(v, rng) if k in case.sample.wrt else map_leaves(lambda _: None, v)
        for k, v in enumerate(values)
    )


def check_reverse(case: Case) -> None:
    """The derivative against differences in a random direction."""
    f, values, rng = case.program, case.values(), np.random.default_rng(17)
    out, back = srcdiff.vjp(f, *fresh(values), argnums=case.sample.wrt, jit=False)
    weights, moves = random_like(out, rng), directions(case, values, rng)
    text = getattr(case.decl, "moved", "")
    f = program(f"{case.label} moved", text, len(values)) if text else f
    ahead, behind = (f(*add_scaled(fresh(values), moves, s * STEP)) for s in (1, -1))
    expected = (dot(weights, ahead) - dot(weights, behind)) / (2 * STEP)
    found = sum(dot(moves[k], d) for k, d in zip(case.sample.wrt, back(weights), strict=True))
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=1e-8)


def check_forward(case: Case) -> None:
    """Against reverse mode, which is the same number."""
    f, values, rng = case.program, case.values(), np.random.default_rng(17)
    out, back = srcdiff.vjp(f, *fresh(values), argnums=case.sample.wrt, jit=False)
    weights, moves = random_like(out, rng), directions(case, values, rng)
    expected = sum(dot(moves[k], d) for k, d in zip(case.sample.wrt, back(weights), strict=True))
    _, tangent = srcdiff.jvp(f, values, moves, jit=False)
    np.testing.assert_allclose(dot(weights, tangent), expected, rtol=1e-9, atol=1e-11)


def check_second(case: Case) -> None:
    """The derivative of the gradient of a smooth function of the result, forward over reverse."""
    loss = scalar_program(case)
    values, rng = case.values(), np.random.default_rng(17)
    gradient = srcdiff.grad(loss, argnums=case.sample.wrt, jit=False, on_independent="ignore")
    moves = directions(case, values, rng)
    _, found = srcdiff.jvp(gradient, fresh(values), moves, jit=False)
    ahead, behind = (gradient(*add_scaled(fresh(values), moves, s * STEP)) for s in (1, -1))
    for f, a, b in zip(leaves(found), leaves(ahead), leaves(behind), strict=True):
        np.testing.assert_allclose(f, (np.asarray(a) - b) / (2 * STEP), rtol=2e-5, atol=1e-6)


@cache
def scalar_program(case: Case) -> Callable[..., Any]:
    """The sum of sines of all that a sample gives."""
    parameters = ", ".join("xyzw"[: len(case.values())])
    with np.errstate(all="ignore"):
        result = case.program(*case.values())
    is_one = not isinstance(result, tuple | list)
    results = [("found", result)] if is_one else [(f"found[{k}]", r) for k, r in enumerate(result)]
    terms = [
        f"np.sum(np.sin({part.format(name)}))"
        for name, r in results
        for part in (("np.real({})", "np.imag({})") if np.iscomplexobj(r) else ("{}",))
    ]
    source = f"def loss({parameters}):\n    found = {case.text}\n    return {' + '.join(terms)}\n"
    return defined(source, f"<loss of {case.label}>", "loss")


def check_float32(case: Case) -> None:
    """The value keeps its dtype, and so do adjoints of arrays."""
    check_value(case, "float32")
    if not case.is_smooth:
        return
    values = case.values("float32")
    gradient = srcdiff.grad(
        scalar_program(case), argnums=case.sample.wrt, jit=False, on_independent="ignore"
    )
    for k, d in zip(case.sample.wrt, gradient(*values), strict=True):
        if isinstance(values[k], np.ndarray):
            assert d.dtype == values[k].dtype


def check_compiled(case: Case) -> None:
    """What compiled code gives against NumPy."""
    values = case.values()
    if case.is_smooth:
        options = {"argnums": case.sample.wrt, "on_independent": "ignore"}
        expected = srcdiff.value_and_grad(scalar_program(case), jit=False, **options)(
            *fresh(values)
        )
        found = srcdiff.value_and_grad(scalar_program(case), jit=True, **options)(*values)
    else:
        expected = case.program(*fresh(values))
        found = generated(Value(), case.program, Options(jit=True))(*values)
    agrees(found, expected, rtol=1e-9, atol=1e-10)
