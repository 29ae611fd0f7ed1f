"""Full unrolling of short innermost loops, and specialisation for small axes."""

import numpy as np
import pytest
from fuzz.compare import flat
from transforms.passes import check, unchanged

import srcdiff
from srcdiff.transforms.schedule.unroll import unroll


def energy(x):
    difference = x[:, None, :] - x[None, :, :]
    return np.sum(1.0 / np.sqrt(np.sum(difference**2, axis=2) + 0.1))


def rotated(x, w):
    return np.sum(np.sin(x @ w) * x)


def by_hand(x):
    total = 0.0
    for i in range(len(x)):
        square = 0.0
        for k in range(x.shape[1]):
            square += x[i, k] ** 2
        for k in range(2, -1, -1):
            total += square * x[i, 0] ** k
    return total


def points(n, d):
    return np.random.default_rng(n + d).normal(size=(n, d))


CASES = [
    (energy, lambda d: (points(5, d),), 0),
    (rotated, lambda d: (points(6, d), points(d, d)), (0, 1)),
    (by_hand, lambda d: (points(4, d),), 0),
]


@pytest.mark.long
@pytest.mark.parametrize(("function", "draw", "wrt"), CASES)
def test_gradients_are_those_of_the_arrays_for_each_number_of_coordinates(function, draw, wrt):
    compiled = srcdiff.value_and_grad(function, argnums=wrt, jit=True)
    arrays = srcdiff.value_and_grad(function, argnums=wrt, jit=False)
    for d in (3, 5, 2, 3, 4, 1, 3):
        value, gradient = arrays(*draw(d))
        found, d_found = compiled(*draw(d))
        assert found == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(flat(d_found), flat(gradient), rtol=1e-11, atol=1e-12)


def test_loops_over_points_are_one_without_those_over_coordinates():
    text = srcdiff.value_and_grad(energy).loop_source_for(points(5, 3))
    assert "x.shape[1] != 3" in text
    assert text.count(" in range(") == 3
    assert text.count("np.empty") + text.count("np.zeros") <= 3


def test_what_gains_nothing_is_generated_for_any_number_of_coordinates():
    text = srcdiff.value_and_grad(lambda x: np.sum(np.sin(x))).loop_source_for(points(5, 30))
    assert "raise" not in text


def test_explain_reports_the_axis():
    gradient = srcdiff.grad(energy, jit=True)
    gradient(points(5, 3))
    assert "x1 == 3" in srcdiff.explain(gradient, points(5, 3)).assumes


def test_unrolled_iterations_stand_in_order():
    check(
        unroll,
        """
        def f(%x: float64[n, 2], %n: int64{n}) -> 0 {
          %s: float64 = for 0, %n, 1 with 0.0 {
            (%i: int64{i}, %s.1: float64) ->
            %t: float64 = for 0, 2, 1 with %s.1 {
              (%k: int64{k}, %s.2: float64) ->
              %a: float64! = index[where='i, i'] %x, %i, %k
              %s.3: float64 = add %s.2, %a
              yield %s.3
            }
            yield %t
          }
          yield %s
        }
        """,
        """
        def f(%x: float64[n, 2], %n: int64{n}) -> 0 {
          facts [is_unrolled=True]
          %s: float64 = for 0, %n, 1 with 0.0 {
            (%i: int64{i}, %s.1: float64) ->
            %a: float64! = index[where='i, i'] %x, %i, 0
            %s.2: float64 = add %s.1, %a
            %a.1: float64! = index[where='i, i'] %x, %i, 1
            %s.3: float64 = add %s.2, %a.1
            yield %s.3
          }
          yield %s
        }
        """,
        points(3, 2),
        3,
    )


def test_outermost_loops_and_long_ones_stay():
    unchanged(
        unroll,
        """
        def f(%x: float64[n, 9], %n: int64{n}) -> 0 {
          %s: float64 = for 0, 3, 1 with 0.0 {
            (%i: int64{i}, %s.1: float64) ->
            %t: float64 = for 0, 9, 1 with %s.1 {
              (%k: int64{k}, %s.2: float64) ->
              %a: float64! = index[where='i, i'] %x, %i, %k
              %s.3: float64 = add %s.2, %a
              yield %s.3
            }
            yield %t
          }
          yield %s
        }
        """,
        points(3, 9),
        3,
    )


def test_small_axes_of_arrays_in_structures_are_written_out_too():
    def moved(pair):
        points, (angles,) = pair
        total = 0.0
        for i in range(len(points)):
            total += np.sum(np.sin(angles[i] @ points[i]))
        return total

    rng = np.random.default_rng(0)
    pair = rng.normal(size=(5, 3)), (rng.normal(size=(5, 3, 3)),)
    g = srcdiff.grad(moved, jit=True)
    text = g.loop_source_for(pair)
    assert "range(points.shape[1])" not in text
    found, (angles,) = g(pair)
    wanted, (wanted_angles,) = srcdiff.grad(moved, jit=False)(pair)
    assert np.allclose(found, wanted)
    assert np.allclose(angles, wanted_angles)


def test_places_that_iterations_compute_are_numbers():
    def areas(x, w):
        return np.sum(np.cross(x, w) ** 2)

    x, w = np.linspace(0.1, 1.0, 12).reshape(4, 3), np.linspace(1.0, -1.0, 12).reshape(4, 3)
    gradient = srcdiff.grad(areas, argnums=(0, 1), jit=True)
    text = gradient.loop_source_for(x, w)
    assert "%" not in text and "+ 0" not in text
    expected = srcdiff.grad(areas, argnums=(0, 1), jit=False)(x, w)
    np.testing.assert_allclose(gradient(x, w), expected, rtol=1e-12)
