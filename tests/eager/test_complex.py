"""Complex numbers in programs without types: derivatives are those of the same program with types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import srcdiff

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")


class Holder:
    def __init__(self, value: Any) -> None:
        self.value = value


Z = np.array([1.0 + 2.0j, 0.5 - 1.0j])


def stored(z):
    y = np.zeros(3, complex)
    y[0] = z[0]
    y[1:] = z * 2j
    y[0] += z[1]
    return np.sum(np.abs(y) ** 2 * np.arange(3.0))


def listed(z):
    items = [z[0]]
    for v in z:
        items.append(v * np.exp(0.3j * v))
    return np.abs(np.sum(np.array(items))) ** 2


def carried(z):
    p = 1.0 + 0.0j
    for v in z:
        p = p * v + 1j
    return np.abs(p) + p.imag


PROGRAMS = (
    stored, listed, carried,
    lambda z: np.sum(np.abs(z) ** 2),
    lambda z: np.sum(z.real**3 * z.imag),
    lambda z: np.sum(np.real(z) ** 3 * np.imag(z)),
    lambda z: np.real(np.sum(np.exp(z) * z.conj())),
    lambda z: np.sum(np.abs(np.exp(1j * z) + z) ** 2),
    lambda z: np.sum(np.abs(np.fft.fft(z)) ** 2 * np.arange(2)),
    lambda z: np.abs(z[0]) ** 2 * z[1].real,
)  # fmt: skip


@pytest.mark.parametrize("z", [Z, Z.real.copy()], ids=["complex", "real"])
@pytest.mark.parametrize("f", PROGRAMS)
def test_derivatives_of_an_attribute_are_those_of_the_array(f: Any, z: Any) -> None:
    held = lambda holder: f(holder.value)
    t = np.cos(z)
    np.testing.assert_allclose(srcdiff.grad(held)(Holder(z)).value, srcdiff.grad(f, jit=False)(z))
    found = srcdiff.jvp(held, (Holder(z),), (Holder(t),))
    np.testing.assert_allclose(found, srcdiff.jvp(f, (z,), (t,), jit=False))
    if np.isrealobj(z):
        found = srcdiff.hvp(held)(Holder(z), Holder(t)).value
        np.testing.assert_allclose(found, srcdiff.hvp(f, jit=False)(z, t), atol=1e-12)


def test_complex_results_take_weights_and_have_no_gradient() -> None:
    held = lambda holder: np.exp(holder.value)
    value, back = srcdiff.vjp(held, Holder(Z))
    np.testing.assert_allclose(value, np.exp(Z))
    np.testing.assert_allclose(back(Z)[0].value, srcdiff.vjp(np.exp, Z, jit=False)[1](Z)[0])
    with pytest.raises(srcdiff.DifferentiationError, match="gradient is of a real number"):
        srcdiff.grad(lambda holder: holder.value[0])(Holder(Z))


def test_lists_of_complex_numbers_in_a_program_without_types() -> None:
    def f(items, a):
        out = [items[0], "x"]
        for v in items:
            out.append(v * np.exp(1j * a * v))
        return abs(out[2] + out[0]) ** 2

    g = lambda items, a: abs(items[0] * np.exp(1j * a * items[0]) + items[0]) ** 2
    items = [1.0 + 0.5j, 2.0 - 0.2j]
    for k in range(2):
        expected = srcdiff.grad(g, k, jit=False)(items, 0.3)
        np.testing.assert_allclose(srcdiff.grad(f, k)(items, 0.3), expected)
