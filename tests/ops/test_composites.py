"""Every composite on the samples it declares: its value is the library's, its derivatives are those of its value.

Two samples of each are looked at always, the whole matrix (float32, second order, compiled) in the slow suite.
"""

import numpy as np
import pytest
from ops import sample_programs
from ops.sample_programs import Case, cases, composites, quietly

import srcdiff

SAMPLES = cases(composites())
SMOOTH = [c for c in SAMPLES if c.is_smooth]
EARLY = [c for c in SAMPLES if c.number < 2]  # looked at always, the rest in the slow suite
LATE = [c for c in SAMPLES if c.number >= 2]
FIRST_SMOOTH = [c for c in SMOOTH if c.number == 0]


def label(case):
    return case.label


def test_composites_declare_samples():
    assert [c.name for c in composites() if not c.samples] == []


@pytest.mark.parametrize("case", EARLY, ids=label)
def test_value_is_the_library_s(case):
    quietly(sample_programs.check_value, case)


@pytest.mark.parametrize("case", [c for c in EARLY if c.is_smooth], ids=label)
def test_derivatives_agree_with_finite_differences_and_each_other(case):
    quietly(sample_programs.check_reverse, case)
    quietly(sample_programs.check_forward, case)


TIES = [c for c in SAMPLES if c.sample.gradients]


@pytest.mark.parametrize("case", TIES, ids=label)
def test_derivative_at_ties_and_kinks_is_the_documented_one(case):
    source = (
        f"def total({', '.join('xyzw'[: len(case.values())])}):\n    return np.sum({case.text})\n"
    )
    total = sample_programs.defined(source, f"<total of {case.label}>", "total")
    wrt = case.sample.wrt
    gradient = srcdiff.grad(total, argnums=wrt, jit=False)
    for found, expected in zip(gradient(*case.values()), case.sample.gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


ON_THE_WAY = (
    "add.accumulate", "multiply.accumulate", "maximum.accumulate", "subtract.accumulate", "logaddexp.reduce",
    "subtract.reduce", "hypot.reduce",
)  # fmt: skip


@pytest.mark.parametrize("method", ON_THE_WAY)
def test_methods_of_ufuncs_compute_in_the_dtype_that_is_given(method):
    source = f"def given(x):\n    return np.{method}(x, dtype=np.float64)\n"
    given = sample_programs.defined(source, f"<{method} in a dtype>", "given")
    x = np.array([0.1, 2.7, 0.3], np.float32)
    found, back = srcdiff.vjp(given, x, jit=False)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, given(x), rtol=1e-12)
    (d_x,) = back(np.ones_like(found))
    assert d_x.dtype == np.float32


# ---- the whole matrix ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("case", LATE, ids=label)
def test_values_of_further_samples(case):
    quietly(sample_programs.check_value, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in LATE if c.is_smooth], ids=label)
def test_derivatives_of_further_samples(case):
    quietly(sample_programs.check_reverse, case)
    quietly(sample_programs.check_forward, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", SMOOTH, ids=label)
def test_second_derivatives_agree_with_finite_differences(case):
    quietly(sample_programs.check_second, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", SAMPLES, ids=label)
def test_float32_is_kept(case):
    quietly(sample_programs.check_float32, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", SAMPLES, ids=label)
def test_compiled_code_gives_what_numpy_gives(case):
    quietly(sample_programs.check_compiled, case)


# ---- one compiled program of many --------------------------------------------------------------------

TOGETHER = (
    "diff", "interp", "sort", "median", "quantile", "take_along_axis", "convolve", "polyval", "cov", "nanmean", "pad",
    "maximum_accumulate", "unique", "select",
)  # fmt: skip


def many(found: list[Case]):
    """One program of the first samples of several, and its arguments."""
    parameters, terms, values = [], [], []
    for k, case in enumerate(found):
        mine = case.values()
        names = [f"x{k}_{j}" for j in range(len(mine))]
        text = case.text
        inner = f"(lambda {', '.join('xyzw'[: len(mine)])}: {text})({', '.join(names)})"
        parameters += names
        values += mine
        terms.append(f"np.sum(np.sin({inner}))")
    body = "".join(f"    total += {t}\n" for t in terms)
    source = f"def total({', '.join(parameters)}):\n    total = 0.0\n{body}    return total\n"
    return sample_programs.defined(source, "<many>", "total"), values


@pytest.mark.long
def test_many_composites_in_one_compiled_program():
    found = [
        next(c for c in FIRST_SMOOTH if c.decl.name == name)
        for name in TOGETHER
        if name in {c.decl.name for c in FIRST_SMOOTH}
    ]
    f, values = many(found)
    wrt = tuple(k for k, v in enumerate(values) if np.asarray(v).dtype.kind == "f")
    options = {"argnums": wrt, "on_independent": "ignore"}
    with np.errstate(all="ignore"):
        expected = srcdiff.grad(f, jit=False, **options)(*values)
        compiled = srcdiff.grad(f, jit=True, **options)(*values)
    sample_programs.agrees(compiled, expected, rtol=1e-9, atol=1e-10)
