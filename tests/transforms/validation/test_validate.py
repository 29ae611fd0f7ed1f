"""Translation validation catches passes that change what a function computes, and finds none on the corpus."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np
import pytest

import srcdiff
from srcdiff.compile.recording import new_recorder
from srcdiff.errors import ValidationError
from srcdiff.ir.build import Rewriter
from srcdiff.ir.core import Op
from srcdiff.ir.syntax.parser import parse
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.transforms.passes import Form, Pass, Recorder
from srcdiff.transforms.validation.numeric_derivatives import along
from srcdiff.transforms.validation.validate import Report, Validator
from tools import validate

PROGRAM = """
def loss(%x': float64[x0], %y': float64[x0]) -> 0 {
  %0: float64[x0] = multiply %x, %y
  %1: float64[x0] = maximum %0, 0.5
  %2: float64[x0] = add %1, %x
  %3: float64! = sum %2
  yield %3
}
"""
KERNEL = """
def double(%x': float64[x0], %y': float64[y0]) -> 0 {
  %i: int64{i} = grid[axes=1]
  %0: int64{x0} = axis_length@.shape[axis=0] %x
  %1: bool = less %i, %0
  if %1 {
    %2: float64! = index[where='i'] %x, %i
    %3: float64! = add %2, %2
    store[where='i'] %y, %3, %i
    yield
  } else {
    yield
  }
  yield None
}
"""
SAMPLE = [*validate.corpus()][11::32]
KERNELS = [*validate.kernels()]
OF_ONE_THREAD = [p for p in KERNELS if p.name == "user_kernels/one_thread"]


def _log_partition(initial, step, count):
    alpha = initial
    for _ in range(count):
        alpha = np.logaddexp.reduce(alpha[:, None] + step, axis=0)
    return np.logaddexp.reduce(alpha)


CHAIN = validate.Program(
    "chain",
    _log_partition,
    (0, 1),
    lambda: (np.array([0.3, -1.0]), np.array([[0.1, 0.5], [-0.4, 0.9]]), 2),
)


class _Planted(Rewriter):
    """Replaces the operation called `old` by `change` of it."""

    def __init__(self, old, change):
        self.old, self.change = old, change

    def statement(self, old, env, b):
        new = self.keep(old, env, b)
        b.append(self.change(new) if isinstance(new, Op) and new.decl.name == self.old else new)


def _with(name):
    return lambda op: replace(op, decl=OPERATIONS[name])


def _same_operands(op):
    return replace(op, operands=(op.operands[0], op.operands[0]))


DEFECTS = {
    "sign": ("add", _with("subtract")),
    "dropped factor": ("multiply", lambda op: replace(op, decl=OPERATIONS["maximum"])),
    "wrong operand": ("multiply", _same_operands),
    "skipped condition": ("maximum", _same_operands),
    "wrong condition": ("maximum", _with("minimum")),
}


def _run(change, examples):
    fn = parse(PROGRAM.strip(), OPERATIONS)
    report = Report()
    recorder = Recorder(validator=Validator(examples, report=report))
    recorder.run(fn, (Pass("planted", change, "a test"),))
    return report


@pytest.mark.parametrize("examples", [{}, {"x": np.array([0.3, -2.0, 1.0]), "y": np.ones(3)}])
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_named(defect, examples):
    planted = _Planted(*DEFECTS[defect])
    with pytest.raises(ValidationError, match=r"(?s)the pass 'planted' changes.*before:.*after:"):
        _run(lambda fn: planted(fn), examples)


QUOTIENT = """
def reciprocal(%x': float64!) -> 0 {
  %0: float64! = divide %x, 0.0
  %1: float64! = divide 1.0, %0
  yield %1
}
"""


@pytest.mark.parametrize("forms", [(), (Form.SCALAR,), (Form.SCALAR, Form.OWNED)])
def test_floats_of_python_divide_by_zero_in_loops_as_those_of_numpy(forms):
    before, after = (
        parse(text.strip(), OPERATIONS)
        for text in (QUOTIENT, QUOTIENT.replace("divide %x,", "divide 2.0,"))
    )
    passes = [Pass("of its form", lambda fn: fn, "a test", gives=(form,)) for form in forms]
    passes.append(Pass("planted", lambda fn: after, "a test"))
    of_loops = forms[-1:] == (Form.SCALAR,)  # NumPy code has other passes after them
    with contextlib.nullcontext() if of_loops else pytest.raises(ValidationError):
        Recorder(validator=Validator(report=Report())).run(before, passes)


def test_the_statement_where_values_part_is_named():
    planted = _Planted(*DEFECTS["sign"])
    with pytest.raises(ValidationError, match=r"they part at: %.*subtract"):
        _run(lambda fn: planted(fn), {})


def test_a_pass_that_keeps_the_values_is_counted():
    swapped = _Planted("add", lambda op: replace(op, operands=op.operands[::-1]))
    report = _run(lambda fn: swapped(fn), {"x": np.array([0.3, -2.0]), "y": np.ones(2)})
    assert report.validated["planted"] >= 5 and not report.skipped


def test_the_derivative_is_compared_with_differences(validated, monkeypatch):
    from srcdiff.transforms import pipeline

    right = pipeline.reverse
    wrong = _Planted("cos", _with("sin"))
    monkeypatch.setattr(pipeline, "reverse", lambda *a, **k: wrong(right(*a, **k)))
    with pytest.raises(ValidationError, match="differentiates function wrongly"):
        srcdiff.grad(lambda x: np.sum(np.sin(x)), jit=False)(np.array([0.5, 1.5]))


@pytest.mark.parametrize("is_wrong", [False, True])
def test_the_derivative_of_complex_results_is_compared(is_wrong, validated, monkeypatch):
    from srcdiff.transforms import pipeline

    def spiral(x):
        return np.sin(x) * (0.5 + 1j * x)

    right, wrong = pipeline.reverse, _Planted("cos", _with("sin"))
    if is_wrong:
        monkeypatch.setattr(pipeline, "reverse", lambda *a, **k: wrong(right(*a, **k)))
    with pytest.raises(ValidationError) if is_wrong else contextlib.nullcontext():
        srcdiff.vjp(spiral, np.array([0.5, 1.5]), jit=False)[1](np.array([1.0, 0.5j]))
    assert is_wrong or validated.validated["reverse"]


@pytest.mark.parametrize("is_wrong", [False, True])
def test_the_tangent_beside_that_of_a_truth_value_is_compared(is_wrong, validated, monkeypatch):
    from srcdiff.transforms import pipeline

    right, wrong = pipeline.forward, _Planted("cos", _with("sin"))
    if is_wrong:
        monkeypatch.setattr(pipeline, "forward", lambda *a, **k: wrong(right(*a, **k)))
    with pytest.raises(ValidationError) if is_wrong else contextlib.nullcontext():
        srcdiff.jvp(lambda x: (np.sin(x), False), (np.ones(2),), (np.ones(2),), jit=False)
    assert is_wrong or validated.validated["forward"]


def test_differences_are_not_taken_of_results_in_single_precision(validated):
    def narrow(x):
        return np.sum(np.sin(x).astype(np.float32))

    srcdiff.grad(narrow, jit=False)(np.array([0.5, 1.5]))
    assert not validated.validated["reverse"]


@pytest.mark.parametrize("kink", [np.sort, np.abs, lambda x: np.maximum(x, x[::-1]), np.sinc])
def test_derivatives_are_not_compared_at_kinks(kink):
    x = np.array([0.0, 0.3, 0.0])
    slope = along(lambda a: [kink(a[0])], [x], [0], [np.array([0.5, 1.0, -2.0])])
    assert (slope is None) == (kink is not np.sinc)


@dataclass
class Weights:
    a: float
    b: np.ndarray


@pytest.mark.parametrize("is_wrong", [False, True])
@pytest.mark.parametrize(
    "weights",
    [Weights(2.0, np.ones(2)), (2.0, np.ones(2)), {"b": np.ones(2)}],
    ids=["dataclass", "tuple", "dict"],
)
def test_directions_have_all_parts_of_a_container(weights, is_wrong, validated, monkeypatch):
    from srcdiff.transforms import pipeline

    def loss(x, w):
        b = w.b if isinstance(w, Weights) else w["b"] if isinstance(w, dict) else w[-1]
        return np.sum(np.sin(b * x))

    right, wrong = pipeline.reverse, _Planted("cos", _with("sin"))
    if is_wrong:
        monkeypatch.setattr(pipeline, "reverse", lambda *a, **k: wrong(right(*a, **k)))
    expected = pytest.raises(ValidationError) if is_wrong else contextlib.nullcontext()
    g = srcdiff.grad(loss, argnums=(0, 1), jit=False, on_independent="ignore")
    with expected:
        g(np.array([0.5, 1.5]), weights)
    assert is_wrong or validated.validated["reverse"]


@dataclass
class Powers:
    scale: float
    order: int
    b: np.ndarray


def test_an_integer_between_floats_has_no_direction(validated):
    def loss(x, w):
        return np.sum(w.scale * x**w.order * w.b)

    x, w = np.array([0.5, 1.5]), Powers(0.7, 2, np.array([1.0, -2.0]))
    srcdiff.jvp(loss, (x, w), (np.ones(2), Powers(1.0, None, np.ones(2))), jit=False)
    assert validated.validated["forward"] == 1


OVERFLOWS = """
def loss(%x': float64[x0]) -> 0 {
  %0: float64[x0] = exp %x
  %1: float64[x0] = log %0
  %2: float64! = sum %1
  yield %2
}
"""
CAPPED = """
def loss(%x': float64[x0]) -> 0 {
  %0: float64[x0] = minimum %x, 600.0
  %1: float64! = sum %0
  yield %1
}
"""


def test_what_was_infinite_must_become_the_right_value():
    fn, wrong = (parse(text.strip(), OPERATIONS) for text in (OVERFLOWS, CAPPED))
    planted = Pass("planted", lambda f: wrong, "a test", stabilises=True)
    with pytest.raises(ValidationError, match=r"became .* with 80 bits"):
        Recorder(validator=Validator(report=Report())).run(fn, (planted,))
    right = parse(CAPPED.replace("600.0", "6000.0").strip(), OPERATIONS)
    Recorder(validator=Validator(report=Report())).run(fn, (replace(planted, fn=lambda f: right),))


def test_nothing_is_validated_by_default(monkeypatch):
    monkeypatch.delenv("SRCDIFF_VALIDATE", raising=False)
    assert new_recorder().validator is None


# ---- whole programs ----------------------------------------------------------------------------


def test_a_defect_in_a_kernel_is_named():
    fn = parse(KERNEL.strip(), OPERATIONS)
    swapped = _Planted("add", _with("subtract"))
    with pytest.raises(ValidationError, match=r"(?s)the pass 'planted' changes.*it is a kernel"):
        Recorder(validator=Validator(report=Report())).run(
            fn, (Pass("planted", lambda f: swapped(f), "a test"),)
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", SAMPLE, ids=lambda p: p.name)
def test_passes_keep_the_values_of_a_sample(program, validated):
    validate.generated(program, "reverse")
    assert {why for _, why in validated.skipped} <= {
        "stop_gradient has the derivative that is declared"
    }
    assert validated.validated["reverse"] and sum(validated.changed.values()) > 10
    for name, count in validated.changed.items():
        compared = validated.validated[name] + validated.uncertain[name]
        assert compared >= 3 * count and compared + validated.refused[name] >= 6 * count, name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", validate.FORMS)
def test_passes_keep_the_values_of_every_form(form, validated):
    """A log-partition function, which has all of them."""
    with np.errstate(all="ignore"):
        validate.generated(CHAIN, form)
    assert sum(validated.validated.values()) > 20


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["adjoint kernel", "tangent kernel"])
@pytest.mark.parametrize("kernel", [*KERNELS[2::9], *OF_ONE_THREAD], ids=lambda p: p.name)
def test_passes_keep_what_kernels_write(kernel, form, validated):
    validate.generated(kernel, form)
    assert sum(validated.validated.values()) > 10


def test_a_refusal_for_a_defect_is_a_finding(monkeypatch):
    monkeypatch.setattr("srcdiff.compile.build.to_source", lambda *_: {}["no name"])
    with pytest.raises(AssertionError, match="a defect of srcdiff"):
        validate.generated(CHAIN, "reverse")


KINDS = (
    validate.corpus,
    validate.benchmarks,
    validate.kernels,
    validate.examples,
    validate.documents,
)
ALL = [
    *((p, form) for kind in KINDS for p in kind() for form in p.forms or validate.FORMS),
    *(
        (p, form)
        for p in validate.nests(20)
        for form in ("jacobian by columns", "hessian", "batch")
    ),
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("program", "form"), ALL, ids=lambda x: getattr(x, "name", x))
def test_passes_keep_the_values_of_all_programs(program, form, validated):
    with np.errstate(all="ignore"), contextlib.suppress(srcdiff.DifferentiationError):
        validate.generated(program, form)
