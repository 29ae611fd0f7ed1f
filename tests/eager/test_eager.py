"""Programs without types: their text, the refused programs, and no silently wrong derivatives."""

import copy
import importlib
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from corpus_loader import flatten, load

import srcdiff
import srcdiff.compile.build
from srcdiff.eager.derivatives import op_derivatives
from srcdiff.errors import UntypedError

x3 = np.array([0.5, -1.2, 0.8])

pytestmark = [
    pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning"),
    pytest.mark.filterwarnings("ignore::srcdiff.IndependentWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


def squares(x):
    def each():
        for k in {*range(len(x))}:
            yield x[k] ** 2

    return sum(each())


# ---- what users see --------------------------------------------------------------------------------


def test_it_is_reported_once_for_each_specialisation_with_the_line():
    g = srcdiff.grad(squares)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for args in (x3, 2.0 * x3, [0.5, 1.5]):
            g(args)
    assert [w.message.source_line.strip() for w in caught] == ["for k in {*range(len(x))}:"] * 2
    assert "runs in the interpreter, which is slow: sets are" in str(caught[0].message)


def test_the_source_reads_as_the_function_does():
    assert srcdiff.grad(squares).source_for(x3) == (
        '''from srcdiff.dynamic import Tape


def squares(tape, x):
    def each():
        for k in {*range(tape.call(len, x))}:
            yield tape.of(lambda x_k: x_k**2, tape.item(x, k))

    return tape.call(sum, each())


def squares_grad(x):
    """Gradient of `squares` with respect to `x`."""
    tape = Tape()
    (x,) = tape.arguments(x, wrt=(0,))
    value = squares(tape, x)
    return tape.gradient(value, name="squares")[0]
'''
    )


def test_it_is_not_compiled():
    with pytest.raises(srcdiff.UnsupportedError, match="cannot be compiled: sets are not"):
        srcdiff.grad(squares, jit=True)(x3)


@pytest.mark.long
def test_a_file_of_it_says_that_it_needs_srcdiff(tmp_path):
    g = srcdiff.grad(squares)
    with pytest.raises(srcdiff.DifferentiationError, match="allow_srcdiff=True"):
        g.save(tmp_path / "saved.py", x3)
    path = g.save(tmp_path / "saved.py", x3, allow_srcdiff=True)
    assert "needs `srcdiff`" in path.read_text()
    code = "import saved, numpy as np; print(saved.squares_grad(np.array([1.0, 2.0])))"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout.strip() == "[2. 4.]", run.stderr


def test_pickles_and_copies():
    g = srcdiff.grad(squares)
    expected = g(x3)
    np.testing.assert_array_equal(copy.copy(g)(x3), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(g))(x3), expected)


def test_other_derivatives():
    value, gradient = srcdiff.value_and_grad(squares)(x3)
    assert value == pytest.approx(np.sum(x3**2))
    np.testing.assert_allclose(gradient, 2.0 * x3)
    np.testing.assert_allclose(srcdiff.hvp(squares)(x3, np.ones(3)), 2.0 * np.ones(3))
    np.testing.assert_allclose(srcdiff.elementwise_grad(elementwise)(x3), np.cos(x3))
    aux = srcdiff.value_and_grad(with_aux, has_aux=True)(x3)
    assert aux[0][1] == {"n": 3}
    np.testing.assert_allclose(aux[1], 2.0 * x3)
    np.testing.assert_allclose(srcdiff.hessian(squares)(x3), 2.0 * np.eye(3))


def elementwise(x):
    out = x * 0.0
    for k in {0, 1, 2}:
        out[k] = np.sin(x[k])
    return out


def with_aux(x):
    return squares(x), {"n": len({1, 2, 3})}


def test_arguments_are_not_written():
    given = x3.copy()
    np.testing.assert_allclose(srcdiff.grad(doubled_in_place)(given), 8.0 * x3)
    np.testing.assert_array_equal(given, x3)


def doubled_in_place(x):
    for k in {0, 1, 2}:
        x[k] *= 2.0
    return np.sum(x**2)


def test_an_argument_that_is_written_may_share_no_memory():
    with pytest.raises(ValueError, match="shares memory with another argument"):
        srcdiff.grad(written_beside)(x3, x3)
    y = x3.copy()
    np.testing.assert_allclose(srcdiff.grad(written_beside)(x3, y), [2.0 * y[0], y[1], y[2]])


def written_beside(x, y):
    for k in {0}:
        x[k] *= 2.0
    return x @ y


def test_what_does_not_depend_on_the_argument_is_reported():
    with pytest.warns(srcdiff.IndependentWarning):
        assert srcdiff.grad(independent)(0.5, 1.0) == 0.0
    with pytest.raises(srcdiff.DifferentiationError, match="does not depend"):
        srcdiff.grad(independent, on_independent="raise")(0.5, 1.0)


def independent(x, y):
    return sum(v for v in {y, 2.0})


class Model:
    def __init__(self, w, name):
        self.w, self.name = w, name

    def loss(self, x):
        return np.sum((self.w * x) ** 2)


def model_loss(model, x):
    return model.loss(x)


def test_the_adjoint_of_an_object_is_one_of_its_class():
    d = srcdiff.grad(model_loss)(Model(x3, "m"), 2.0)
    assert isinstance(d, Model) and d.name is None
    np.testing.assert_allclose(d.w, 8.0 * x3)


def test_what_is_found_outside_is_looked_at_again():
    global SCALE
    SCALE = 2.0
    g = srcdiff.grad(scaled_by_a_global)
    assert g(3.0) == 2.0
    SCALE = 5.0
    assert g(3.0) == 5.0


SCALE = 2.0


def scaled_by_a_global(x):
    return sum(v * SCALE for v in {x})


# ---- what is refused ----------------------------------------------------------------------------------


class Odd:
    def __setattr__(self, name, value):
        object.__setattr__(self, name, 2.0 * value)


class Made:
    def __new__(cls, v):
        made = object.__new__(cls)
        made.v = v * 2.0
        return made


def sets_in_a_way_of_its_own(x):
    odd = Odd()
    for _ in {1}:
        odd.v = x
    return odd.v


def makes_in_a_way_of_its_own(x):
    return sum(Made(v).v for v in {x})


def asks_an_unknown_function(x):
    return sum(np.trim_zeros(v)[0] for v in [x, x] if len({1}))


def hands_a_function_to_a_library(x):
    return sum(np.apply_over_axes(lambda a, k: np.sum(a * x), x, [0])[0] for _ in {1})


def evaluates_text(x):
    return sum(eval("v * 2.0") for v in {x})


@pytest.mark.parametrize(
    ("f", "x", "message"),
    [
        (sets_in_a_way_of_its_own, 0.5, "Odd has a __setattr__ of its own"),
        (makes_in_a_way_of_its_own, 0.5, "Made has a __new__ of its own"),
        (asks_an_unknown_function, x3, "`trim_zeros` is not known to srcdiff"),
        (hands_a_function_to_a_library, x3, "`apply_over_axes` is not known to srcdiff"),
        (evaluates_text, 0.5, r"`eval\(\)` is not supported"),
    ],
)
def test_what_is_refused(f, x, message):
    with pytest.raises(srcdiff.UnsupportedError, match=message):
        srcdiff.grad(f)(x)


def inner(x):
    for k in {2.0}:
        yield x * k


def middle(x):
    return sum(inner(x)) + 1.0


def outer(x):
    y = x * 0.5
    return middle(y) ** 2


def test_the_line_deep_in_a_helper_comes_with_the_calls_that_led_there():
    with pytest.raises(srcdiff.UnsupportedError) as raised:
        srcdiff.why(srcdiff.grad(outer), "x", 0.5)
    text = str(raised.value)
    assert "in inner: outer_grad is dynamic" in text and "sets are not supported" in text
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    assert lines[0] == "for k in {2.0}:"
    assert [line for line in lines if "(" in line] == [
        "return sum(inner(x)) + 1.0",
        "return middle(y) ** 2",
    ]


def array_of_objects(x):
    return sum(np.array([v, None], dtype=object)[0] for v in {x})


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (array_of_objects, "gives an array of objects"),
    ],
)
def test_what_would_lose_a_derivative_is_refused(f, message):
    with pytest.raises(srcdiff.UnsupportedError, match=message):
        srcdiff.grad(f)(0.5)


def test_flat_elements_are_those_of_the_array():
    srcdiff.check_grads(through_flat, x3, order=2)


def through_flat(x):
    y = x * 1.0
    for _ in {1}:
        y.flat[1] = x[0] ** 2
    return y.flat[1] * y[2] + sum(v**2 for v in y.flat)


def flat_in_order(x):
    y = x * 2.0
    elements = y.flat
    y[0, 1] = y[0, 0] ** 2
    return next(elements) * next(elements) + sum(elements)


def flat_slices(x):
    y = x * 2.0
    y.flat[::4] = x.flat[1:4] ** 2
    return sum(_doubled(y.flat)) * len(y.flat)


def _doubled(elements):
    return elements[1:3] * 2.0 * elements[-1]


def flat_of_a_view(x):
    y = x * 2.0
    elements = y.T.flat
    elements[1] = y[0, 0] ** 2
    elements[5:7] *= elements[2]
    elements[[0, 2]] = x[:2, 0]
    return np.sum(y * x) + np.sum(elements) + np.array(elements)[3] ** 2


@pytest.mark.parametrize("program", [flat_in_order, flat_slices, flat_of_a_view])
def test_flat_elements_by_every_spelling(program):
    with pytest.warns(srcdiff.DynamicWarning, match="`.flat` can only be subscripted here"):
        srcdiff.grad(program)(x3[:, None] * x3)
    srcdiff.check_grads(program, x3[:, None] * x3, order=1)


# ---- every program of the tests without its types ----------------------------------------------------


def _forced(monkeypatch):
    real = srcdiff.compile.build.derive

    def derive(derived, *args, **kwargs):
        if derived.options != op_derivatives.OPTIONS:
            raise UntypedError("raised by the test")
        return real(derived, *args, **kwargs)

    monkeypatch.setattr(srcdiff.compile.build, "derive", derive)


ROWS = [
    row
    for name in ("control", "memory", "functions", "structures", "statements")
    for row in importlib.import_module(f"language.{name}").ROWS
]
LANGUAGE = [p for row in ROWS for p in row.programs]
FEW = [p for row in ROWS for p in row.programs[:1]]
CORPUS = load("programs")


def _check(function, args):
    srcdiff.handles.differentiable.forget_programs()
    value, _ = srcdiff.vjp(function, *copy.deepcopy(args), jit=False)
    np.testing.assert_allclose(flatten(value), flatten(function(*copy.deepcopy(args))), rtol=1e-12)
    srcdiff.check_grads(function, *copy.deepcopy(args), order=1)


@pytest.mark.parametrize("program", FEW, ids=repr)
def test_a_program_of_each_row_without_types(program, monkeypatch, capsys):
    _forced(monkeypatch)
    _check(program.function, program.examples[0])


@pytest.mark.slow
@pytest.mark.parametrize("program", LANGUAGE, ids=repr)
def test_the_language_without_types(program, monkeypatch, capsys):
    _forced(monkeypatch)
    for args in program.examples:
        _check(program.function, args)


# `z.real` and `z.imag` are written: shadows of parts of another dtype do not exist without types
WRITTEN_PARTS = {"phase_plate", "two_level_atom"}


@pytest.mark.slow
@pytest.mark.parametrize("program", CORPUS, ids=repr)
def test_the_corpus_without_types(program, monkeypatch, capsys):
    _forced(monkeypatch)
    if program.name in WRITTEN_PARTS:
        with pytest.raises(srcdiff.UnsupportedError, match=r"part of it|`.real`"):
            _check(program.function, program.arguments(0))
    else:
        _check(program.function, program.arguments(0))
