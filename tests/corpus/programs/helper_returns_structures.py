"""Helpers return a dict of arrays and a nested tuple, whose parts are used in different places."""

import numpy as np


def summarise(x):
    mean = x.mean(axis=0)
    return {"mean": mean, "spread": np.sqrt(np.mean((x - mean) ** 2, axis=0))}


def split(x, k):
    return (x[:k], x[k:]), x.sum()


def effect_size(x, k):
    (left, right), total = split(x, k)
    a = summarise(left)
    b = summarise(right)
    difference = a["mean"] - b["mean"]
    return np.sum(difference / (a["spread"] + b["spread"])) + 0.1 * total


EXAMPLES = [
    (np.random.default_rng(0).normal(size=(5, 2)), 2),
    (np.random.default_rng(1).normal(size=(7, 1)), 4),
]
WRT = (0,)
FUNCTION = effect_size
