"""Aliased writes: storage with two names across iterations is refused where it is written, and only there."""

import numpy as np
import pytest
from fuzz.compare import problems
from transforms.sources import refusal_of

X, W = np.array([0.3, -0.5, -1.2, 0.7]), np.array([1.1, 0.4, -0.8, 0.6])


def scaled_in_the_next_iteration(x, w):
    v = x.copy()
    u = np.zeros(4)
    for i in range(3):
        u *= v
        u = w * 1.0
        v = u if x[i] > 0.0 else v
    return np.sum(v * x) + np.sum(u * w)


def scaled_through_a_name_from_outside(x, w):
    v = x.copy()
    u = w * 1.0
    for i in range(3):
        u[0] *= 2.0
        u = v if x[i] > 0.0 else u.copy()
    return np.sum(v * x) + np.sum(u * w)


def scaled_by_an_inner_loop(x, w):
    v = x.copy()
    u = w * 1.0
    for i in range(3):
        for j in range(2):
            p = u[j:]
            p[0] *= 0.5
        if i > 0:
            u = v if x[i] > 0.0 else u.copy()
    return np.sum(v * x) + np.sum(u * w)


def scaled_behind_the_list_that_it_is_from(x, w):
    u, v = x.copy(), w
    for _ in range(3):
        u *= 0.5
        new = [u * v]
        new.append(v * u[0])
        u, v = new[1], new[0]
        v[0] += u[1]
    return np.sum(u * v * x)


@pytest.mark.parametrize(
    "f",
    [
        scaled_in_the_next_iteration,
        scaled_through_a_name_from_outside,
        scaled_by_an_inner_loop,
        scaled_behind_the_list_that_it_is_from,
    ],
)
def test_storage_that_a_later_iteration_writes_under_one_of_its_two_names_is_refused(f):
    assert "has two names" in refusal_of(f, (X, W), argnums=(0, 1))


def kept_where_it_is_best(x, w):
    best = x.copy()
    for i in range(4):
        best *= 0.9
        trial = w * x[i]
        trial[0] += w[i]
        best = trial if x[i] > 0.0 else best
    return np.sum(best * x) + np.sum(trial * w)


def made_anew_before_it_is_written(x, w):
    v = x.copy()
    u = np.zeros(4)
    for i in range(3):
        u = u.copy()
        u *= v
        u = w + u
        u[1] *= x[0]
        v = v * 0.5 if x[i] > 0.0 else v
    return np.sum(v * x) + np.sum(u * w)


def of_a_list_that_each_iteration_makes(x, w):
    u, v = x, w
    for _ in range(3):
        new = []
        for q in (u, v):
            stepped = q.copy()
            stepped[1:-1] = q[1:-1] - 0.1 * (q[2:] - q[:-2]) * u[1:-1]
            new.append(stepped)
        u, v = new
    return np.sum(u * v * x)


@pytest.mark.parametrize(
    "f",
    [kept_where_it_is_best, made_anew_before_it_is_written, of_a_list_that_each_iteration_makes],
)
def test_storage_that_has_one_name_when_it_is_written_is_differentiated(f):
    assert problems(f, (X, W), second=True) == []
