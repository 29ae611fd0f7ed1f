"""Every composite on the samples it declares: its value is the library's, its derivatives are those of its value."""

import linecache
import warnings
from functools import cache

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats

import srcdiff
from srcdiff.ops.registry import COMPOSITES
from srcdiff.options import Options
from srcdiff.trees import add_scaled, dot, map_leaves, random_like

SAMPLES = [(c, k) for c in COMPOSITES.values() for k in range(len(c.samples))]
SMOOTH = [(c, k) for c, k in SAMPLES if c.samples[k].wrt and not c.samples[k].avoid]
STEP = 1e-5


def label(case):
    return f"{case[0].name}-{case[1]}"


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def case_of(case):
    """The function of a sample, its arguments, and by which of them it is differentiated."""
    composite, k = case
    sample = composite.samples[k]
    values = sample.args(np.random.default_rng(k))
    return program(label(case), sample.text, len(values)), values, sample.wrt


@cache
def program(name, text, count):
    """A function that says a text."""
    source = f"def call({', '.join('xyzw'[:count])}):\n    return {text}\n"
    file = f"<sample {name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    names = {"np": np, "scipy": scipy}
    exec(compile(source, file, "exec"), names)
    return names["call"]


def agrees(found, expected, rtol=1e-12, atol=1e-13):
    if isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            agrees(f, e, rtol, atol)
        return
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def dtypes(result):
    if isinstance(result, tuple | list):
        return [d for part in result for d in dtypes(part)]
    return [np.asarray(result).dtype]


@pytest.mark.parametrize("composite", COMPOSITES.values(), ids=lambda c: c.name)
def test_composite_declares_samples(composite):
    assert composite.samples


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", SAMPLES, ids=label)
def test_value_is_the_library_s(case, dtype):
    f, values, _ = case_of(case)
    values = [
        v.astype(dtype) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v for v in values
    ]
    expected = f(*values)
    found = srcdiff.api.generated("value", f, Options(jit=False), ())(*values)
    narrow = dtype == "float32"
    agrees(found, expected, rtol=1e-5 if narrow else 1e-12, atol=1e-6 if narrow else 1e-13)
    assert dtypes(found) == dtypes(expected)


def directions(values, wrt, rng):
    return [
        random_like(v, rng) if k in wrt else map_leaves(lambda _: None, v)
        for k, v in enumerate(values)
    ]


@pytest.mark.parametrize("case", SMOOTH, ids=label)
def test_derivatives_agree_with_finite_differences(case):
    f, values, wrt = case_of(case)
    rng = np.random.default_rng(17)
    out, back = srcdiff.vjp(f, *values, argnums=wrt, jit=False)
    weights = random_like(out, rng)
    moves = directions(values, wrt, rng)
    ahead, behind = (f(*add_scaled(tuple(values), tuple(moves), s * STEP)) for s in (1, -1))
    expected = (dot(weights, ahead) - dot(weights, behind)) / (2 * STEP)
    back = back(weights)
    reverse = sum(dot(moves[k], d) for k, d in zip(wrt, back, strict=True))
    assert reverse == pytest.approx(expected, rel=3e-6, abs=1e-8)
    _, tangent = srcdiff.jvp(f, tuple(values), tuple(moves), jit=False)
    assert dot(weights, tangent) == pytest.approx(reverse, rel=1e-10, abs=1e-12)
