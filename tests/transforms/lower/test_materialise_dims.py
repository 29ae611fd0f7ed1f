"""Materialised lengths: every length that a pass needs comes from a parameter, or from an operand that stays."""

import numpy as np
import pytest
from fuzz.compare import function_of, problems

import srcdiff
from srcdiff.ir.syntax.parser import parse
from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.verify import verify
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.transforms.lower.materialise_dims import bind_lengths, known_lengths
from srcdiff.transforms.simplify.dce import dce
from tests.transforms.passes import check

X = np.array([0.5, -1.0, 2.0])


def unverified(text):
    return parse(text.replace("\n    ", "\n").strip(), OPERATIONS)


def messages(fn):
    return [p.message for p in verify(fn)]


def bound(fn):
    """The result of the pass, which is valid, and in which there is nothing more to do."""
    new = bind_lengths(fn, may_save=True)
    assert messages(new) == []
    assert to_text(dce(bind_lengths(new))) == to_text(dce(new))
    return new


UNBOUND = """
    def f(%x: float64[n], %m: int64{m}) -> 0 {
      %0: float64[k] = index[where=':e'] %x, %m
      %1: float64[k] = zeros_of[type=type(float64[k])] ;adjoint
      %2: float64[k] = add %0, %1 ;adjoint
      yield %2
    }
    """


def test_a_length_that_nothing_shows_is_no_valid_program() -> None:
    fn = unverified(UNBOUND)
    assert messages(fn) == ["nothing shows the length k: expected an operand that has it"]


def test_a_length_is_read_from_an_array_that_has_it() -> None:
    text = to_text(bound(unverified(UNBOUND)))
    assert "axis_length[axis=0] %0 ;adjoint" in text
    assert "zeros_of[type=type(float64[k])] %1 ;adjoint" in text


def test_what_arguments_show_is_left_alone() -> None:
    check(
        bind_lengths,
        """
        def f(%x: float64[n]) -> 0 {
          %0: float64[n-1] = zeros_of[type=type(float64[n-1])] ;adjoint
          yield %0
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %0: float64[n-1] = zeros_of[type=type(float64[n-1])] ;adjoint
          yield %0
        }
        """,
        X,
    )


def test_nothing_is_kept_for_its_length_where_what_is_needed_shows_it() -> None:
    check(
        lambda fn: dce(bind_lengths(fn)),
        """
        def f(%x: float64[n], %m: int64{m}) -> 0 {
          %0: float64[k] = index[where=':e'] %x, %m
          %1: float64[k] = sin %0
          %2: int64{k} = axis_length[axis=0] %1
          %3: float64[k] = zeros_of[type=type(float64[k])] %2 ;adjoint
          %4: float64[k] = add %0, %3 ;adjoint
          yield %4
        }
        """,
        """
        def f(%x: float64[n], %m: int64{m}) -> 0 {
          %0: float64[k] = index[where=':e'] %x, %m
          %1: int64{k} = axis_length[axis=0] %0 ;adjoint
          %2: float64[k] = zeros_of[type=type(float64[k])] %1 ;adjoint
          %3: float64[k] = add %0, %2 ;adjoint
          yield %3
        }
        """,
        X,
        2,
    )


def test_a_length_of_an_iteration_is_saved_for_the_iteration_that_mirrors_it() -> None:
    fn = unverified("""
    def f(%x: float64[n]) -> 0 {
      for 0, 3, 1 pair=1 {
        (%i: int64{i}) ->
        %0: float64[k] = index[where=':e'] %x, %i
        yield
      }
      %1: float64! = for 0, 3, 1 reverse pair=1 with 0.0 ;adjoint {
        (%i.1: int64{i}, %s: float64!) ->
        %2: float64[k] = zeros_of[type=type(float64[k])] ;adjoint
        %3: float64! = sum %2 ;adjoint
        yield %3
      }
      yield %1
    }
    """)
    text = to_text(bound(fn))
    assert "save[slot=1]" in text
    assert "restore[slot=1, type=type(int64{k})] ;adjoint" in text


def test_a_length_of_an_iteration_is_undefined_after_the_loop() -> None:
    fn = unverified("""
    def f(%x: float64[n]) -> 0 {
      %y: float64[k] = for 0, 3, 1 with %x {
        (%i: int64{i}, %z: float64[k]) ->
        yield %z
      }
      yield %y
    }
    """)
    assert messages(fn) == ["%y:float64[k] has the length k, which differs between iterations"]


def swapped(x, n):
    y, z, total = x * 1.0, np.zeros(4), 0.0
    for _ in range(n):
        c = np.concatenate([y, z])
        total += np.sum(c * np.sin(c) * np.arange(len(c)))
        y, z = z, y
    return total


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_a_variable_of_a_loop_has_the_lengths_of_the_present_iteration(iterations: int) -> None:
    """`d_c[: len(y)]` after the loop took the length of the last iteration for that of every iteration."""
    steps = 1e-5 * np.eye(3)
    expected = [(swapped(X + h, iterations) - swapped(X - h, iterations)) / 2e-5 for h in steps]
    np.testing.assert_allclose(srcdiff.grad(swapped)(X, iterations), expected, rtol=1e-8, atol=1e-8)
    g = srcdiff.grad(swapped)
    rows = [(g(X + h, iterations) - g(X - h, iterations)) / 2e-5 for h in steps]
    for v, row in zip(np.eye(3), rows, strict=True):
        np.testing.assert_allclose(
            srcdiff.hvp(swapped)(X, iterations, v), row, rtol=1e-6, atol=1e-8
        )


def test_lengths_of_joined_slices_in_a_tangent() -> None:
    """The tangent has no use for the slices that show the lengths."""

    def powers(x, A):
        total, rounds = 0.0, 0
        while rounds < 2:
            rounds += 1
            states = [np.concatenate([np.concatenate([x[1:], x[:1]])[1:], x[:1]]) * rounds]
            for j in range(2):
                states.append((A @ states[j]) * 0.5)
            for q in reversed(states):
                total += np.sum(q * q * q)
        return total

    A = np.array([[0.2, 0.5, -0.1], [0.7, -0.3, 0.4], [0.1, 0.6, 0.9]])
    v = np.array([0.3, -0.2, 0.7])
    g = srcdiff.grad(powers)
    expected = (g(X + 1e-5 * v, A) - g(X - 1e-5 * v, A)) / 2e-5
    np.testing.assert_allclose(srcdiff.hvp(powers)(X, A, v), expected, rtol=1e-7)


def gated(W, h):
    n = len(h)
    z = W @ h
    return np.sum(np.tanh(z[:n]) * z[n : 2 * n] + h)


def halves(x, y, n):
    a, b = x[:n], x[n:]
    return np.sum(a * b) + np.sum(a * y)


def test_slices_that_lie_inside_an_array_have_the_lengths_that_their_bounds_say():
    source = srcdiff.value_and_grad(gated, argnums=(0, 1)).source_for(np.ones((6, 3)), np.ones(3))
    assert "keepdims" not in source
    assert source.count("raise") == 1 and "if len(W) < 2 * W.shape[1]:" in source


@pytest.mark.parametrize(
    "sizes", [(4, 2, 2), (2, 3, 1), (2, 1, 1), (3, 2, 2), (5, 1, 1), (3, 3, 5)]
)
def test_slices_of_all_lengths_have_derivatives(sizes):
    x, y, n = sizes
    args = (np.linspace(0.5, 1.0, x), np.linspace(-1.0, 2.0, y), n)
    try:
        halves(*args)
    except ValueError:
        with pytest.raises(ValueError):
            srcdiff.grad(halves)(*args)
    else:
        assert problems(halves, args) == []


def test_lengths_are_read_from_arguments_first() -> None:
    check(
        known_lengths,
        """
        def f(%x: float64[n]) -> 0 {
          %y: float64[n] = sin %x
          %k: int64{n} = axis_length[axis=0] %y
          %m: int64{n} = axis_length[axis=0] %x
          %s: int64 = add %k, %m
          yield %s
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %y: float64[n] = sin %x
          %k: int64{n} = length[dim=dim(n)]
          %m: int64{n} = axis_length[axis=0] %x
          %s: int64 = add %k, %m
          yield %s
        }
        """,
        np.ones(3),
    )
    check(
        known_lengths,
        """
        def f(%x: float64[n, m]) -> 0 {
          %y: float64[n, m] = sin %x
          %k: int64{k} = size %y
          yield %k
        }
        """,
        """
        def f(%x: float64[n, m]) -> 0 {
          %y: float64[n, m] = sin %x
          %k: int64{k} = element_count[type=type(float64[n, m])]
          yield %k
        }
        """,
        np.ones((3, 2)),
    )


@pytest.mark.parametrize("item", ["ws[-1]", "ws[0] * a", "ws[-1][1:]", "ws[k]", "np.sin(ws[i])"])
@pytest.mark.parametrize("head", ["i in range(k)", "i in [0, 1]", "i, _ in enumerate(ws)"])
def test_no_length_is_read_from_arrays_that_the_loop_has_not_bound_yet(
    head: str, item: str
) -> None:
    """A name that a loop binds has the type of its first value before it: an item of a list shows the lengths."""
    text = f"import numpy as np\n\n\ndef f(ws, a, k):\n    for {head}:\n        u = {item}\n    return np.sum(u)\n"
    assert problems(function_of(text), ([X, 2.0 * X], 0.4, 1)) == []
