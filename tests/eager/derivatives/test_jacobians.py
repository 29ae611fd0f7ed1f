"""Jacobians, Hessians, second derivatives and batches of programs without types."""

import numpy as np
import pytest

import srcdiff

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")

A = np.array([0.3, 0.4, 0.5])


def steps_of(a):
    steps = []
    for k in range(len(a)):
        if k % 2:
            steps.append(lambda v, k=k: v * a[k])
        else:
            steps.append(lambda v: np.sin(v) + a[0])
    return steps


def number(x, a):
    for step in steps_of(a):
        x = step(x)
    return x**2


def vector(x, a):
    for step in steps_of(a):
        x = step(x)
    return x * np.array([1.0, 2.0])


def parts(p):
    """A container to a container."""
    seen = {k: p[k] ** 2 for k in sorted({"m", "s"})}
    return {"first": seen["m"] * p["s"], "rest": [np.sum(seen["s"]), 3]}


def of_container(p):
    return np.sum(parts(p)["first"]) ** 2 + parts(p)["rest"][0]


def typed_of_container(p):
    return np.sum(p["m"] ** 2 * p["s"]) ** 2 + np.sum(p["s"] ** 2)


def differences(f, x, eps=1e-6):
    """The derivatives of a function of one array, or number, its axes last."""
    x = np.asarray(x, dtype=float)
    out = []
    for at in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[at] = eps
        out.append((np.asarray(f(x + step)) - np.asarray(f(x - step))) / (2 * eps))
    return np.moveaxis(np.array(out), 0, -1).reshape(np.shape(f(x)) + x.shape)


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
def test_jacobians(mode):
    by_a = srcdiff.jacobian(vector, argnums=1, mode=mode)(0.7, A)
    np.testing.assert_allclose(by_a, differences(lambda a: vector(0.7, a), A), rtol=1e-6)
    by_x, again = srcdiff.jacobian(vector, argnums=(0, 1), mode=mode)(0.7, A)
    np.testing.assert_allclose(by_x, differences(lambda x: vector(x, A), 0.7), rtol=1e-6)
    np.testing.assert_array_equal(again, by_a)
    np.testing.assert_allclose(
        srcdiff.jacobian(number)(0.7, A), srcdiff.grad(number)(0.7, A), rtol=1e-12
    )


def test_containers_have_jacobians_of_each_part():
    p = {"m": A, "s": np.array([1.1, -0.2, 0.6])}
    found = srcdiff.jacobian(parts)(p)
    np.testing.assert_allclose(found["first"]["m"], np.diag(2.0 * p["m"] * p["s"]), rtol=1e-12)
    np.testing.assert_allclose(found["first"]["s"], np.diag(p["m"] ** 2), rtol=1e-12)
    np.testing.assert_allclose(found["rest"][0]["s"], 2.0 * p["s"], rtol=1e-12)
    np.testing.assert_array_equal(found["rest"][0]["m"], np.zeros(3))
    assert found["rest"][1] is None


def test_hessians():
    found = srcdiff.hessian(number, argnums=1)(0.7, A)
    np.testing.assert_allclose(
        found, differences(lambda a: srcdiff.grad(number, argnums=1)(0.7, a), A), rtol=1e-5
    )
    (xx, xa), (ax, aa) = srcdiff.hessian(number, argnums=(0, 1))(0.7, A)
    np.testing.assert_allclose(xx, srcdiff.hvp(number)(0.7, A, 1.0), rtol=1e-12)
    np.testing.assert_allclose(xa, ax, rtol=1e-12)
    np.testing.assert_array_equal(aa, found)


def test_hessians_of_containers():
    p = {"m": A, "s": np.array([1.1, -0.2, 0.6])}
    found, expected = srcdiff.hessian(of_container)(p), srcdiff.hessian(typed_of_container)(p)
    for one in "ms":
        for other in "ms":
            np.testing.assert_allclose(found[one][other], expected[one][other], rtol=1e-12)


def test_derivatives_of_gradients():
    by_a = srcdiff.grad(number, argnums=1)
    hessian = srcdiff.hessian(number, argnums=1)(0.7, A)
    np.testing.assert_array_equal(srcdiff.jacobian(by_a, argnums=1)(0.7, A), hessian)
    value, back = srcdiff.vjp(by_a, 0.7, A, argnums=1)
    np.testing.assert_allclose(value, by_a(0.7, A), rtol=1e-12)
    np.testing.assert_allclose(
        back(np.array([1.0, 0.0, 2.0])), hessian @ [1.0, 0.0, 2.0], rtol=1e-12
    )
    by_x = srcdiff.grad(number)
    second = srcdiff.hvp(number)(0.7, A, 1.0)
    assert srcdiff.grad(by_x)(0.7, A) == pytest.approx(second, rel=1e-12)
    assert srcdiff.value_and_grad(by_x)(0.7, A) == pytest.approx((by_x(0.7, A), second), rel=1e-12)


def test_batches_are_loops_over_items():
    x = np.array([0.7, 0.8, -0.2])
    expected = [number(v, A) for v in x]
    np.testing.assert_allclose(srcdiff.batch(number, (0, None))(x, A), expected, rtol=1e-12)
    gradients = srcdiff.batch(srcdiff.grad(number, argnums=(0, 1)), (0, None))(x, A)
    for k, v in enumerate(x):
        one = srcdiff.grad(number, argnums=(0, 1))(v, A)
        for many, single in zip(gradients, one, strict=True):
            np.testing.assert_allclose(many[k], single, rtol=1e-12)
    rows = srcdiff.batch(vector, (0, None), out_axes=1)(x, A)
    np.testing.assert_allclose(rows, np.array([vector(v, A) for v in x]).T, rtol=1e-12)
    with pytest.raises(srcdiff.UnsupportedError, match="out_axes for each part"):
        srcdiff.batch(parts, out_axes={"first": 0, "rest": 0})({"m": A[None], "s": A[None]})
    with pytest.raises(srcdiff.DifferentiationError, match="of no items"):
        srcdiff.batch(number, (0, None))(np.ones(0), A)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: srcdiff.jacobian(srcdiff.jacobian(vector)), "jacobian of `vector_jacobian`"),
        (lambda: srcdiff.grad(srcdiff.grad(srcdiff.grad(number))), "grad of `number_grad_grad`"),
    ],
)
def test_other_derivatives_of_derivatives_are_refused(make, message):
    with pytest.raises(srcdiff.UnsupportedError, match=message) as caught:
        make()(0.7, A)
    assert "hvp, hessian or jvp" in caught.value.advice
    assert caught.value.source_line.strip().startswith("steps.append")


def test_gradients_are_differentiated_with_respect_to_other_arguments():
    slope = srcdiff.grad(number)
    expected = [(slope(0.7, A + d) - slope(0.7, A - d)) / 2e-6 for d in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(
        srcdiff.grad(slope, argnums=1)(0.7, A), expected, rtol=1e-6, atol=1e-8
    )


def test_what_needs_types_says_so_at_the_line():
    for ask in (
        lambda: srcdiff.why(srcdiff.grad(number), "x", 0.7, A),
        lambda: srcdiff.sparse_hessian(number, argnums=1)(0.7, A),
    ):
        with pytest.raises(
            srcdiff.UnsupportedError, match=r"functions that capture nothing|types that are known"
        ) as caught:
            ask()
        assert caught.value.source_line.strip().startswith("steps.append")
        assert "number(" in str(caught.value) or "steps_of(a)" in str(caught.value)


def test_the_source_of_a_hessian():
    assert (
        srcdiff.hessian(number, argnums=1)
        .source_for(0.7, A)
        .endswith(
            '''
def number_hessian(x, a):
    """Hessian of `number` with respect to `a`."""

    def product(*v, x=x, a=a):
        tape = Curvature()
        x, a = tape.arguments(x, a, wrt=(1,))
        tape.along(*v)
        value = number(tape, x, a)
        tape.gradient(value, name="number")
        return tape.curvature()

    return hessian_of(product, (a,), is_alone=True)
'''
        )
    )
