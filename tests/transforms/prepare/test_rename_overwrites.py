"""Array renaming: a write of a whole local array makes a new array, where no other name of the old one is used."""

import numpy as np
import pytest
from transforms.passes import check, unchanged

import srcdiff
from srcdiff.transforms.prepare.rename_overwrites import rebind_whole

Z = np.array([0.3, -1.2, 0.7, 0.1])


def test_a_quotient_written_into_its_numerator_is_a_new_array():
    check(
        rebind_whole,
        """
        def f(%z': float64[n]) -> 0 {
          %w': float64[n] = exp %z
          %0: float64! = sum %w
          %1: float64[n] = divide %w, %0
          store[where=''] %w, %1
          %2: float64! = matmul %w, %z
          yield %2
        }
        """,
        """
        def f(%z': float64[n]) -> 0 {
          %w': float64[n] = exp %z
          %0: float64! = sum %w
          %w.1': float64[n] = divide %w, %0
          %1: float64! = matmul %w.1, %z
          yield %1
        }
        """,
        Z,
    )


def test_sums_and_differences_are_as_the_user_had_them():
    check(
        rebind_whole,
        """
        def f(%z': float64[n], %a': float64) -> 0 {
          %w': float64[n] = exp %z
          %0: float64 = negative %a
          add_into[where=''] %w, %0
          add_into[where=':'] %w, %z
          yield %w
        }
        """,
        """
        def f(%z': float64[n], %a': float64) -> 0 {
          %w': float64[n] = exp %z
          %0: float64 = negative %a
          %w.1': float64[n] = subtract %w, %a
          %w.2': float64[n] = add %w.1, %z
          yield %w.2
        }
        """,
        Z,
        0.5,
    )


@pytest.mark.parametrize(
    "lines",
    [
        """
          %v: float64[k] = index[where=':e', count=dim(k)] %w, 2
          %1: float64[n] = multiply %w, %w
          store[where=''] %w, %1
          %2: float64! = sum %v
        """,
        """
          %1: float64[n] = multiply %w, %w
          %3: float64! = sum %1
          store[where=''] %w, %1
          %4: float64! = sum %w
          %2: float64! = add %3, %4
        """,
        """
          for 0, 3, 1 {
            (%i: int64) ->
            %1: float64[n] = multiply %w, %w
            store[where=''] %w, %1
            yield
          }
          %2: float64! = sum %w
        """,
        """
          store[where=''] %w, 0.5
          %2: float64! = sum %w
        """,
    ],
    ids=["a view lives on", "the new contents have other uses", "in each iteration", "a number"],
)
def test_other_writes_stay(lines):
    unchanged(
        rebind_whole,
        f"""
        def f(%z': float64[n]) -> 0 {{
          %w': float64[n] = exp %z
          {lines.strip()}
          yield %2
        }}
        """,
    )


def softmax_in_place(z):
    w = np.exp(z - z.max())
    w /= w.sum()
    return np.sum(w**2)


def through_another_name(z):
    w = z * 2.0
    u = w
    w *= z
    return np.sum(u * z) + np.sum(w)


def view_made_before(z):
    w = z * 2.0
    head = w[:2]
    w *= z
    return np.sum(head**2)


def view_made_after(z):
    w = z * 2.0
    w *= z
    head = w[:2]
    head *= 3.0
    return np.sum(w**2)


def on_a_list(z):
    w = z * 2.0
    kept = [w]
    w += z**2
    return np.sum(kept[0] ** 2) + np.sum(w)


def in_a_branch(z):
    w = np.sin(z)
    if z[0] > 0:
        w *= w
    w -= w.max()
    return np.sum(w**3)


def halved(w):
    w /= 2.0
    return w


def by_a_helper(z):
    w = np.sin(z)
    u = halved(w)
    w *= z
    return np.sum(u * w)


def given_out(z):
    w = np.exp(z, out=np.empty(4))
    np.multiply(w, z, out=w)
    w[1] = 0.0
    return np.sum(w**2)


def swapped(z):
    u, w = z * 2.0, z * 3.0
    for _ in range(3):
        u, w = w, u
        u += 0.1 * w
    w *= u
    return np.sum(w)


@pytest.mark.parametrize(
    "f",
    [
        softmax_in_place, through_another_name, view_made_before, view_made_after, on_a_list, in_a_branch, by_a_helper,
        given_out, swapped,
    ],
)  # fmt: skip
def test_derivatives_of_programs_that_overwrite(f):
    g = srcdiff.value_and_grad(f, jit=False)
    value, found = g(Z)
    assert value == pytest.approx(f(Z.copy()), rel=1e-14)
    steps = 1e-6 * np.eye(4)
    expected = [(f(Z + h) - f(Z - h)) / 2e-6 for h in steps]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


def test_a_softmax_in_place_is_seen():
    source = srcdiff.grad(softmax_in_place, jit=False).source_for(Z)
    assert "softmax(z)" in source and "copy" not in source
