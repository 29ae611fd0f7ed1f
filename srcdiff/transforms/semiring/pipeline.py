"""The passes that compute in another semiring; each runs by itself, on a prepared function."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from srcdiff.ir.core import Function
from srcdiff.ir.values import Value
from srcdiff.transforms.passes import Form, Pass, Recorder
from srcdiff.transforms.semiring.argmax_sample import best_choices, drawn_choices
from srcdiff.transforms.semiring.associative_scan import scanned
from srcdiff.transforms.semiring.entropy import plain_sums, weighed
from srcdiff.transforms.semiring.kbest import k_best
from srcdiff.transforms.semiring.log_semiring import max_plus
from srcdiff.transforms.semiring.message_passes import counted, weights
from srcdiff.transforms.semiring.weights import max_of_weights

_ALONE = "it runs by itself, on a prepared function"
_semiring = partial(
    Pass, why=_ALONE, needs=(Form.LOADS,), changes="it computes in another semiring"
)

SEMIRINGS = {
    "max": _semiring("max-plus semiring", max_plus, "sums of exponentials are maxima of exponents"),
    "argmax": _semiring("argmax adjoint", best_choices, "the adjoint of a maximum goes to the first largest term"),
    "count": _semiring("counting semiring", counted, "messages are numbers of terms", whole=True),
    "weights": _semiring("sum-product semiring", weights, "messages are weights, not logarithms", whole=True),
    "weighed": _semiring("expectation weights", weighed, "tangents of sums leave out terms without weight"),
    "plain sums": _semiring(
        "expectation sums", plain_sums, "sums are as before", why="forward mode has made their tangents"
    ),
    "sample": _semiring("sampled adjoint", drawn_choices, "the adjoint of a sum goes to one drawn term", whole=True),
    "max weights": _semiring(
        "max-product semiring", lambda f: max_of_weights(f, ()), "sums of weights are maxima", whole=True
    ),
    "best": _semiring("k-best semiring", lambda f: k_best(f, 1), "messages are lists of the k best", whole=True),
    "trees": Pass(
        "associative scan", scanned, "iterations are composed in pairs, in a tree", _ALONE, (Form.LOADS,), whole=True
    ),
}  # fmt: skip


def in_semiring(fn: Function, semiring: str, recorder: Recorder) -> Function:
    """A prepared function and its callees in another semiring."""
    return recorder.run(fn, (SEMIRINGS[semiring],))


def with_trees(fn: Function, recorder: Recorder) -> Function:
    """A prepared function with its associative loops as trees."""
    return recorder.run(fn, (SEMIRINGS["trees"],))


def with_best(fn: Function, k: int, recorder: Recorder) -> Function:
    """A prepared function whose messages are the `k` best."""
    return recorder.run(fn, (SEMIRINGS["best"].at(_ALONE, lambda f: k_best(f, k)),))


def max_marginals(fn: Function, begun: Collection[Value], recorder: Recorder) -> Function:
    """The prepared gradient of a sum of weights in max-product; `begun`: the start values of adjoints."""
    return recorder.run(
        fn, (SEMIRINGS["max weights"].at(_ALONE, lambda f: max_of_weights(f, begun)),)
    )
