"""Elementwise composites: powers, parts and comparisons: `np.float_power`, `np.angle`, `np.isclose`, ..."""

from __future__ import annotations

import numpy as np

from srcdiff.ops.core.registry import composite, refuse
from srcdiff.ops.core.samples import call
from srcdiff.ops.elementwise import complex_numbers
from srcdiff.ops.library.compile_time import array

# ---- real numbers as complex numbers ---------------------------------------------------------------


@composite(np.real, method="real", samples=(call("np.real(x)", (3,)), call("x.real", (2, 2))))
def real(val):
    return array(val)


@composite(
    np.imag,
    method="imag",
    samples=(
        call("np.imag(x) + y", (3,), (3,)),
        call("x.imag", [1.5]),
        call("np.zeros(3) + np.imag(2)", (3,), wrt=()),
    ),
)
def imag(val):
    return np.zeros_like(array(val))


@composite(
    np.conjugate,
    method="conj",
    samples=(call("np.conj(x)", (3,)), call("np.conjugate(x)", (2, 2)), call("x.conj()", (3,))),
)
def conjugate(x):
    return np.positive(array(x))


@composite(method="conjugate", samples=(call("x.conjugate()", (3,)),))
def conjugate_method(x):
    return np.positive(array(x))


@composite(
    np.real_if_close,
    samples=(call("np.real_if_close(x)", (3,)),),
    ignores=("tol",),
    takes_complex=True,
)
def real_if_close(a, tol=100):
    a = array(a)
    if a.dtype.kind == "c":
        refuse("whether np.real_if_close gives real numbers depends on the values", "Use np.real.")
    return a


@composite(
    np.angle,
    samples=(
        call("np.angle(x) + y", [1.5, -2.0, 0.3], (3,)),
        call("np.angle(x, deg=True)", [-1.5], wrt=()),
    ),
    takes_complex=True,
)
def angle(z, deg=False):
    z = array(z)
    if z.dtype.kind == "c":
        return complex_numbers.angle(z) * (180.0 / np.pi) if deg else complex_numbers.angle(z)
    half_circle = np.zeros_like(z) + (180.0 if deg else np.pi)
    return np.where(np.signbit(z), half_circle, np.zeros_like(z))


@composite(complex, takes_complex=True, samples=(call("complex(x, y) * 1j", (), ()),))
def complex_number(real=0.0, imag=None):
    if imag is None:
        return complex_numbers.to_complex(real)
    if real.dtype.kind == "c" or imag.dtype.kind == "c":
        return complex_numbers.to_complex(real) + 1j * complex_numbers.to_complex(imag)
    return complex_numbers.complex_of(real, imag)


# ---- powers and parts ------------------------------------------------------------------------------


@composite(np.sign, of_complex=True, samples=(call("np.sign(x)", [1.0, -2.0], wrt=()),))
def complex_sign(x):
    """Complex numbers divided by their absolute values."""
    size = np.abs(x)
    return x / np.where(size == 0.0, 1.0, size)


@composite(
    np.float_power,
    samples=(
        call("np.float_power(x, 3)", (4,)),
        call("np.float_power(x + 3.0, y)", (2, 3), (3,)),
        call("np.float_power(x, 2)", [1, 2, 3]),
    ),
    takes_complex=True,
)
def float_power(x1, x2):
    return np.power(_double(array(x1)), _double(array(x2)))


def _double(a):
    if type(a) is int or type(a) is float:
        return float(a)
    wide = np.result_type(a, np.float64)
    return a if a.dtype == wide else a.astype(wide)


@composite(
    np.divmod,
    samples=(
        call("np.divmod(x, 0.7)", [1.0, -2.0, 0.3]),
        call("np.divmod(x, y)[1]", [1.0, -2.0], [0.7, 0.6]),
    ),
)
def divided_with_rest(x1, x2):
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@composite(
    np.modf,
    samples=(
        call("np.modf(x)", [1.25, -2.75, 0.5]),
        call("np.modf(x)", [np.inf, -0.0], avoid="infinity"),
    ),
)
def modf(x):
    whole = np.trunc(x)
    return np.copysign(np.where(np.isinf(x), 0.0, np.abs(x - whole)), x), whole


@composite(np.ldexp, samples=(call("np.ldexp(x, y)", (3,), [1, -2, 0]),))
def ldexp(x1, x2):
    scale = x2.astype(x1.dtype) if np.ndim(x2) > 0 else np.ones_like(x1) * x2
    return x1 * np.exp2(scale)


# ---- comparisons -----------------------------------------------------------------------------------


@composite(
    np.isclose,
    samples=(
        call(
            "np.isclose(x, y)",
            [1.0, 2.0, np.inf, np.nan],
            [1.0 + 1e-9, 2.1, np.inf, np.nan],
            wrt=(),
        ),
        call("np.isclose(x, 1.0, equal_nan=True, atol=0.5)", [1.2, np.nan, 2.0], wrt=()),
    ),
    takes_complex=True,
)
def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    a, b = array(a), array(b)
    near = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b) | (a == b)
    return near | (np.isnan(a) & np.isnan(b)) if equal_nan else near


@composite(
    np.allclose,
    samples=(
        call("np.allclose(x, x + 1e-9)", (3,), wrt=()),
        call("np.allclose(x, 1.0)", (3,), wrt=()),
    ),
    takes_complex=True,
)
def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    return bool(np.all(isclose(a, b, rtol, atol, equal_nan)))


@composite(
    np.array_equal,
    samples=(
        call("np.array_equal(x, x)", (3,), wrt=()),
        call("np.array_equal(x, y)", (3,), (3,), wrt=()),
        call("np.array_equal(x, y)", (3,), (2, 3), wrt=()),
    ),
    takes_complex=True,
)
def array_equal(a1, a2, equal_nan=False):
    a1, a2 = array(a1), array(a2)
    if np.ndim(a1) != np.ndim(a2):
        return False
    if np.ndim(a1) > 0 and a1.shape != a2.shape:
        return False
    same = a1 == a2
    return bool(np.all(same | (np.isnan(a1) & np.isnan(a2)) if equal_nan else same))


@composite(np.isposinf, samples=(call("np.isposinf(x)", [1.0, np.inf, -np.inf], wrt=()),))
def isposinf(x, out=None):
    return np.isinf(x) & ~np.signbit(x)


@composite(np.isneginf, samples=(call("np.isneginf(x)", [1.0, np.inf, -np.inf], wrt=()),))
def isneginf(x, out=None):
    return np.isinf(x) & np.signbit(x)


@composite(np.isreal, samples=(call("np.isreal(x)", (3,), wrt=()),), takes_complex=True)
def isreal(x):
    x = array(x)
    if x.dtype.kind == "c":
        return np.imag(x) == 0.0
    return np.ones(np.shape(x), dtype=bool) if x.ndim else True


@composite(np.iscomplex, samples=(call("np.iscomplex(x)", (3,), wrt=()),), takes_complex=True)
def iscomplex(x):
    x = array(x)
    if x.dtype.kind == "c":
        return np.imag(x) != 0.0
    return np.zeros(np.shape(x), dtype=bool) if x.ndim else False


@composite(np.iscomplexobj, samples=(call("np.iscomplexobj(x)", (3,), wrt=()),), takes_complex=True)
def iscomplexobj(x):
    return array(x).dtype.kind == "c"


@composite(np.isrealobj, samples=(call("np.isrealobj(x)", (3,), wrt=()),), takes_complex=True)
def isrealobj(x):
    return array(x).dtype.kind != "c"


@composite(
    np.isscalar,
    samples=(call("np.isscalar(x)", (3,), wrt=()), call("np.isscalar(x)", (), wrt=())),
    takes_complex=True,
)
def isscalar(element):
    return np.ndim(element) == 0


@composite(
    np.isin,
    samples=(
        call("np.isin(x, [1, 3])", [[0, 1], [3, 2]]),
        call("np.isin(x, y, invert=True)", [0.5, 1.0], [1.0, 2.0], wrt=()),
    ),
)
def isin(element, test_elements, assume_unique=False, invert=False, *, kind=None):
    element = array(element)
    found = np.any(element[..., None] == np.ravel(test_elements), axis=-1)
    return ~found if invert else found
