"""Operations and composites of complex numbers: every declaration says whether it takes them, and either its value and
derivatives are right or the program is refused.
"""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from ops import sample_programs as programs

import srcdiff
from srcdiff.compile.derivations.kinds import Value
from srcdiff.errors import UnsupportedError
from srcdiff.handles.differentiable import generated
from srcdiff.ops.core.registry import COMPOSITES
from srcdiff.options import Options


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_taken(case):
    """Whether the library gives a value of complex arguments."""
    values = [v.copy() if isinstance(v, np.ndarray) else v for v in case.values()]
    if not any(map(np.iscomplexobj, values)):
        return False
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            case.program(*values)
        except Exception:
            return False
    return True


def with_imaginary_parts(declared):
    found = [replace(c, is_complex=True) for c in programs.cases([declared])]
    return [c for c in found if is_taken(c)]


def firsts(declared):
    """A case of each, one with derivatives where there is one."""
    for d in declared:
        cases = with_imaginary_parts(d)
        yield from [next((c for c in cases if c.is_smooth), cases[0])] if cases else []


TAKEN = list(firsts(d for d in programs.operations() if d.takes_complex))
EVERY = [*programs.operations(), *programs.composites()]


def check(case):
    """Right in value and derivatives."""
    programs.check_value(case)
    if case.is_smooth:
        programs.check_reverse(case)
        programs.check_forward(case)


@pytest.mark.parametrize("case", TAKEN, ids=lambda c: c.label)
def test_what_takes_complex_numbers_is_right_for_them(case):
    check(case)


def test_there_are_such_operations():
    assert len(TAKEN) > 80


REFUSED = [d for d in programs.operations() if not d.takes_complex]


@pytest.mark.parametrize("declared", REFUSED, ids=lambda d: d.name)
def test_what_does_not_take_complex_numbers_refuses_them_or_another_declaration_is_right(declared):
    for case in firsts([declared]):
        try:
            generated(Value(), case.program, Options(jit=False)).source_for(*case.values())
        except UnsupportedError as error:
            message = error.message
        else:
            check(case)
            continue
        assert "complex" in message or "real" in message


LATE = (
    "cov", "corrcoef", "var_where", "std_where", "nanvar", "nanstd", "float_power", "interp", "nan_to_num_as",
    "complex_sign",
)  # fmt: skip


@pytest.mark.parametrize("name", LATE)
def test_composites_take_complex_numbers_as_numpy_does(name):
    found = with_imaginary_parts(COMPOSITES[name])
    assert found
    for case in found[:2]:
        check(case)


def test_steps_and_places_of_complex_numbers():
    def f(z):
        return np.sum(np.abs(np.round(z, 1) * z + np.rint(z) * np.around(z)[np.nonzero(z)]) ** 2)

    z = np.array([1.2 - 0.3j, -2.6 + 1.4j])
    for jit in (False, True):
        value, gradient = srcdiff.value_and_grad(f, jit=jit)(z)
        assert value == pytest.approx(f(z))
        fixed, steps = np.round(z, 1), np.rint(z) ** 2
        np.testing.assert_allclose(gradient, 2 * np.conj(fixed * z + steps) * fixed)


@pytest.mark.slow
@pytest.mark.parametrize("declared", EVERY, ids=lambda d: d.name)
def test_all_samples_with_imaginary_parts(declared):
    for case in with_imaginary_parts(declared):
        try:
            generated(Value(), case.program, Options(jit=False)).source_for(*case.values())
        except UnsupportedError:
            continue
        check(case)
        programs.check_float32(case)
        if case.is_smooth:
            programs.check_second(case)
