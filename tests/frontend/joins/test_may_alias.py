"""Dicts and lists that loops and branches pass on: typed, or dynamic where another name would show a change."""

import numpy as np
import pytest
from fuzz.compare import problems

import srcdiff

X = np.array([0.5, 0.7, -0.9, 1.3])


def dict_in_a_tuple(x):
    state = (x[0], {"k": x[2]})
    for _ in range(2):
        a, d = state
        state = (a * d["k"], {"k": d["k"] + 1.0})
    return state[0]


def dicts_in_a_dict(x):
    state = {"m": {"w": x[0]}, "v": {"w": 0.0}}
    for _ in range(3):
        g = {"w": 2.0 * state["m"]["w"]}
        state = {
            "m": {k: state["m"][k] - 0.1 * g[k] for k in g},
            "v": {k: state["v"][k] + g[k] ** 2 for k in g},
        }
    return state["m"]["w"] * state["v"]["w"]


def part_replaced_in_a_while(x):
    state, t = {"m": {"w": x[0]}, "v": {"w": 0.0}}, 0
    while t < 3:
        state["m"]["w"] = state["m"]["w"] * x[1]
        state["v"] = {"w": state["v"]["w"] + state["m"]["w"]}
        t += 1
    return state["m"]["w"] * state["v"]["w"]


def list_of_dicts(x):
    layers = [{"w": x[0], "b": x[1]}, {"w": x[2], "b": x[3]}]
    for _ in range(2):
        layers = [{"w": p["w"] * 0.9, "b": p["b"] - p["w"]} for p in layers]
    return layers[0]["b"] * layers[1]["w"]


def replaced_or_changed(x):
    state = ({"k": x[0]}, x[1])
    for t in range(2):
        if x[t] > 0.6:
            state = ({"k": state[0]["k"] * state[1]}, state[1])
        else:
            state[0]["k"] = state[0]["k"] + x[2]
    return state[0]["k"]


def swapped_lists(x):
    state = ([x[0]], [x[1]])
    for _ in range(3):
        state = (state[1], state[0])
        state[0][0] *= x[2]
    return state[0][0] + 2.0 * state[1][0]


def swapped_names(x):
    d, e = [x[0], x[1]], [x[2], x[3]]
    for _ in range(3):
        d, e = e, d
        d[0] *= 2.0
    return d[0] * d[1] + e[0]


def same_dict_by_another_name(x):
    d = {"k": x[0]}
    state = (x[1], d)
    for _ in range(2):
        state = (state[0] * 2.0, d)
        state[1]["k"] *= state[0]
    return d["k"]


def step(state, v):
    return {"at": {"a": state["at"]["a"] + v}, "n": state["n"] + 1}


def doubled(d):
    d = dict(d)
    d["a"] = d["a"] * 2.0
    return d


def copied_by_a_helper(x):
    d = {"a": x[0]}
    return d["a"] * doubled(d)["a"]


def by_a_helper(x):
    state = {"at": {"a": x[0]}, "n": 0}
    for v in x:
        state = step(state, v * state["at"]["a"])
    return state["at"]["a"] * state["n"]


RIGHT = [
    dict_in_a_tuple,
    dicts_in_a_dict,
    part_replaced_in_a_while,
    list_of_dicts,
    replaced_or_changed,
    swapped_lists,
    swapped_names,
    same_dict_by_another_name,
    by_a_helper,
    copied_by_a_helper,
]


@pytest.mark.parametrize("f", RIGHT)
def test_containers_in_what_a_loop_passes_on(f):
    assert problems(f, (X,), second=True) == []


def first_iteration_changes_the_other(x):
    d = {"k": x[0]}
    e = d
    for _ in x:
        e["k"] *= 2.0
        e = {"k": e["k"]}
    return d["k"]


def part_of_the_first_iteration(x):
    d = {"k": x[0]}
    state = (x[1], d)
    for _ in x:
        state[1]["k"] *= state[0]
        state = (state[0] * 2.0, {"k": state[1]["k"] + 1.0})
    return state[1]["k"] * d["k"]


def first_iteration_of_few_changes_the_other(x):
    d = {"k": x[0]}
    e = d
    for _ in range(2):
        e["k"] *= 2.0
        e = {"k": e["k"]}
    return d["k"]


def part_of_the_first_iteration_of_few(x):
    d = {"k": x[0]}
    state = (x[1], d)
    for _ in range(2):
        state[1]["k"] *= state[0]
        state = (state[0] * 2.0, {"k": state[1]["k"] + 1.0})
    return state[1]["k"] * d["k"]


def one_on_one_path(x):
    d = {"k": x[0]}
    e = d if x[0] > 0 else {"k": x[1]}
    e["k"] *= 2.0
    return d["k"] * e["k"]


def the_other_is_changed(x):
    d = {"a": x[0], "b": x[1]}
    e = d
    for v in x:
        d["a"] = d["a"] * v
        e = {"a": e["a"], "b": e["b"] * v}
    return e["a"] * e["b"]


def after_the_loop(x):
    d = {"k": x[0]}
    e = d
    for v in x:
        e = {"k": e["k"] * v}
    e["k"] += 1.0
    return d["k"] * e["k"]


def two_names_for_what_an_iteration_makes(x):
    d, e = {"k": x[0]}, {"k": x[1]}
    for v in x:
        d["k"] *= v
        d = {"k": d["k"] + e["k"]}
        e = d
    return d["k"] * e["k"]


UNTYPED = [
    first_iteration_changes_the_other,
    part_of_the_first_iteration,
    one_on_one_path,
    the_other_is_changed,
    after_the_loop,
    two_names_for_what_an_iteration_makes,
]


@pytest.mark.parametrize(
    "f", [first_iteration_of_few_changes_the_other, part_of_the_first_iteration_of_few]
)
def test_few_iterations_are_read_one_by_one(f):
    assert problems(f, (X,), second=True) == []


@pytest.mark.parametrize("f", UNTYPED)
def test_changes_of_what_may_have_another_name_are_dynamic(f):
    with pytest.warns(srcdiff.DynamicWarning, match="may have another name: a loop or branch"):
        srcdiff.check_grads(f, X, order=1)
