"""Any subscripts of einsum: the value is that of NumPy, the adjoint follows from linearity, and loops give the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_forms import as_python
from ops.loopforms.test_element_maps import alone
from ops.rule_tools import apply, contributions

import srcdiff
from srcdiff.errors import UnsupportedError
from srcdiff.ops.linalg.einsum import decl_for, spelled_out

LENGTHS = {"i": 2, "j": 3, "k": 1, "l": 4, "m": 2}


@st.composite
def contractions(draw):
    """Subscripts, and arrays that they fit: letters repeated, broadcast, summed, an ellipsis, an implicit result."""
    letters = st.text("ijklm", max_size=3)
    inputs = draw(st.lists(letters, min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    with_ellipsis = draw(st.booleans())
    texts, arrays = [], []
    for text in inputs:
        shape = [LENGTHS[c] for c in text]
        if len(set(text)) == len(text) and shape and draw(st.booleans()) and draw(st.booleans()):
            shape[0] = 1
        if with_ellipsis and draw(st.booleans()):
            shape = [*draw(st.sampled_from([[], [2], [3, 2], [1]])), *shape]
            text = f"...{text}"
        texts.append(text)
        arrays.append(rng.normal(size=shape) if shape else float(rng.normal()))
    subscripts = ",".join(texts)
    if draw(st.booleans()):
        known = sorted(set("".join(inputs)))
        out = "".join(draw(st.lists(st.sampled_from(known), unique=True))) if known else ""
        dots = "..." if "..." in subscripts else ""
        subscripts = f"{subscripts}->{dots}{out}"
    return subscripts, arrays


@settings(max_examples=150, deadline=None)
@given(contractions())
def test_any_subscripts(case):
    subscripts, arrays = case
    attrs = {"subscripts": subscripts}
    expected = np.einsum(subscripts, *arrays)
    inputs, output = spelled_out(subscripts, [np.ndim(a) for a in arrays])
    einsum = decl_for(inputs, output)
    assert len(output) == expected.ndim
    assert (einsum.view_of == 0) is (len(arrays) == 1 and set(inputs[0]) == set(output))
    np.testing.assert_allclose(apply(einsum, arrays, attrs), expected)
    rng = np.random.default_rng(1)
    d_out = rng.normal(size=expected.shape)
    d_out = d_out if d_out.ndim else float(d_out)
    for k, d in enumerate(contributions(einsum, arrays, attrs, expected, d_out)):
        move = rng.normal(size=np.shape(arrays[k]))
        moved = np.einsum(subscripts, *arrays[:k], move, *arrays[k + 1 :])
        assert np.shape(d) == np.shape(arrays[k])
        assert np.sum(moved * d_out) == pytest.approx(np.sum(d * move), abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(contractions())
def test_any_subscripts_as_loops(case):
    subscripts, arrays = case
    einsum = decl_for(*spelled_out(subscripts, [np.ndim(a) for a in arrays]))
    fn, args = alone(einsum, arrays, {"subscripts": subscripts})
    np.testing.assert_allclose(as_python(fn)(*args), np.einsum(subscripts, *arrays), atol=1e-12)


def products(A, B, x):
    return np.sum(np.einsum("ij,kj->ik", A, B) ** 2) + np.sum(np.einsum("ij,j->i", A, x) ** 2)


def test_adjoints_are_written_as_what_they_are():
    A, B, x = np.ones((2, 3)), np.ones((4, 3)), np.ones(3)
    source = srcdiff.grad(products, argnums=(0, 1, 2)).source_for(A, B, x)
    assert source.count("einsum") == 2  # the user's
    assert "return np.outer(product, x) + scaled @ B, scaled.T @ A, product @ A" in source


@pytest.mark.parametrize(
    ("subscripts", "message"),
    [
        ("ij,jk", "names 2 operands, there are 1"),
        ("ijk->i", "does not fit an array with 2 axes"),
        ("ij->k", "is not what np.einsum takes"),
        ("ij->ii", "is not what np.einsum takes"),
        ("i?->i", "is not what np.einsum takes"),
    ],
)
def test_shapes_that_do_not_fit_are_reported(subscripts, message):
    with pytest.raises(UnsupportedError, match=message):
        srcdiff.grad(lambda A: np.sum(np.einsum(subscripts, A)))(np.ones((2, 3)))


def written_diagonal(A):
    B = A * 1.0
    diagonal = np.einsum("ii->i", B)
    diagonal[0] = 2.0 * A[1, 1]
    return np.sum(B**2)


def diagonal_of_what_is_written(A):
    B = A * 1.0
    diagonal = np.einsum("ii->i", B)
    B[0, 0] = 2.0 * A[1, 1]
    return np.sum(diagonal**2)


def test_a_view_that_einsum_makes_is_not_written():
    with pytest.raises(UnsupportedError, match=r"writes into a view that np\.einsum made"):
        srcdiff.grad(written_diagonal)(np.ones((2, 2)))


def test_a_view_that_einsum_makes_shows_what_is_written_later():
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    value, d_A = srcdiff.value_and_grad(diagonal_of_what_is_written)(A)
    assert value == diagonal_of_what_is_written(A) == 80.0
    np.testing.assert_array_equal(d_A, [[0.0, 0.0], [0.0, 40.0]])


def test_a_gradient_is_no_view_of_an_argument():
    A = np.eye(3)
    d_v = srcdiff.grad(lambda v, A: np.einsum("i,ii->", v, A))(np.ones(3), A)
    assert not np.shares_memory(d_v, A)
    np.testing.assert_array_equal(d_v, np.ones(3))


def test_subscripts_may_be_numbers():
    def f(A, B):
        return np.sum(np.einsum(A, [0, 1], B, [1, 2], [2, 0]) ** 2) + np.sum(np.einsum(A, [0, 1]))

    srcdiff.check_grads(f, np.ones((2, 3)), np.linspace(-1.0, 2.0, 6).reshape(3, 2))


def test_subscripts_must_be_known():
    with pytest.raises(UnsupportedError, match="must be known when compiling"):
        srcdiff.grad(lambda A: np.sum(np.einsum(A, A)))(np.ones((2, 3)))


def test_lengths_that_do_not_fit():
    with pytest.raises(UnsupportedError, match="the axes 'j' of lengths"):
        srcdiff.grad(lambda A: np.sum(np.einsum("ij,jk->ik", A, np.ones((4, 2)))))(np.ones((2, 3)))
