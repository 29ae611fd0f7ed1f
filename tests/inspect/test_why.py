"""Why a variable is active, inactive, stored or computed again: in the user's names and lines."""

import numpy as np
import pytest

import srcdiff


# fmt: off
def network(W, xs, target, k):
    h = np.zeros(W.shape[0])
    unused = W * 2.0  # noqa: F841
    scale = np.mean(xs)
    for t in range(len(xs)):
        z = W @ h + xs[t]
        h = np.tanh(z)
        best = np.argmax(h)
        e = np.exp(h)
        score = np.sum(e) * scale
    frozen = srcdiff.stop_gradient(h)
    m = np.floor(np.sum(h))
    power = 2
    loss = np.sum((h - target) ** power * frozen) + score * m + best
    return loss * k
# fmt: on


ARGS = np.eye(3), np.ones((5, 3)), np.zeros(3), 2
HERE = network.__code__.co_firstlineno


def reasons_of(name):
    return srcdiff.why(srcdiff.grad(network, jit=False), name, *ARGS)


def line(k):
    return f"line {HERE + k}"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("W", f"active: it is a differentiated argument; the result depends on it, by `z` on {line(5)}"),
        ("xs", "inactive: it depends on no differentiated argument (`W`)"),
        ("unused", f"{line(2)}: inactive: nothing reads it"),
        ("scale", f"{line(3)}: inactive: it depends on no differentiated argument (`W`)"),
        ("z", f"{line(5)}: active: it is made from `W`, `h`; the result depends on it, by `h` on {line(6)}"),
        ("best", f"{line(7)}: inactive: it holds integers, which have no derivatives"),
        (
            "frozen",
            f"{line(10)}: inactive: srcdiff.stop_gradient stops the derivative with respect to `W` ({line(10)})",
        ),
        ("m", f"{line(11)}: inactive: it depends on `W` only through `np.floor` ({line(11)}), which has no derivative"),
        ("loss", f"{line(13)}: active: it is made from `h`, `score`; the result is made from it on {line(14)}"),
        ("k", "inactive: it holds integers, which have no derivatives"),
    ],
)  # fmt: skip
def test_activity(name: str, reason: str) -> None:
    found = reasons_of(name)
    assert found.activity == (reason,)
    assert found.is_active == ("inactive" not in reason)


def test_what_is_stored_is_what_the_gradient_stores() -> None:
    stored = reasons_of("h").storage
    assert (
        f"stored: xs0 x W0 numbers, because the derivative of lines {HERE + 5}, {HERE + 6}, {HERE + 8} uses it, "
        "and it is carried from iteration to iteration, and cannot be computed again from its own iteration"
        in stored
    )
    assert any("not stored: the next iteration starts with it" in s for s in stored)
    source = srcdiff.grad(network, jit=False).source_for(*ARGS)
    assert "hs = np.empty((len(xs), len(W)))" in source and "next_h" in source


def test_what_is_computed_again() -> None:
    assert reasons_of("e").storage == (
        f"{line(8)}: recomputed from `h`, which costs less than storing it; "
        f"the derivative of {line(8)} uses it",
    )


def test_what_is_available_or_not_needed() -> None:
    assert reasons_of("W").storage == (
        f"available: the derivative of {line(5)} reads it where it is",
    )
    assert reasons_of("z").storage == (
        "nothing is stored: the backward part needs none of its values",
    )


def test_options_change_the_reasons() -> None:
    kept = srcdiff.why(srcdiff.grad(network, jit=False, residuals="store"), "e", *ARGS)
    assert any("stored: xs0 x W0 numbers" in s for s in kept.storage)


def written(u, r, n):
    y = u.copy()
    for _ in range(n):
        y += r * y * (1.0 - y)
    return np.sum(y**2)


def test_arrays_that_are_written_over_are_stored() -> None:
    start = written.__code__.co_firstlineno
    found = srcdiff.why(srcdiff.grad(written), "y", np.ones(4), 0.1, 3).storage
    assert found == (
        f"line {start + 3}: stored: n x u0 numbers, because the derivative of line {start + 3} uses it, "
        "and it is overwritten, or cannot be computed again",
        f"line {start + 4}: available: the derivative of line {start + 4} reads it where it is",
    )


def test_arrays_that_keep_themselves() -> None:
    def table(x, n):
        y = np.zeros(n)
        y[0] = x
        for t in range(1, n):
            y[t] = np.sin(y[t - 1]) * x
        return y[n - 1]

    (found,) = srcdiff.why(srcdiff.grad(table), "y", 0.3, 5).storage
    assert "not stored: the array still holds it" in found


def test_checkpointed_loops_and_forward_mode() -> None:
    @srcdiff.differentiate
    def f(x, n):
        for _ in srcdiff.checkpointed(range(n), slots=4):
            x = np.sin(x) * 2
        return x

    found = srcdiff.why(f.grad, "x", 0.3, 5)
    assert any("stored at the starts of 4 iterations at a time" in s for s in found.storage)
    assert srcdiff.why(f.jvp, "x", (0.3, 5), (1.0, None)).storage == ()
    assert srcdiff.why(f.vjp, "x", 0.3, 5).is_active


def test_printed_it_shows_all() -> None:
    assert str(reasons_of("e")).splitlines() == [
        "`e` in network_grad",
        f"    {reasons_of('e').activity[0]}",
        "  for the backward part",
        f"    {reasons_of('e').storage[0]}",
    ]


def test_unknown_names_are_reported_with_the_known_names() -> None:
    with pytest.raises(srcdiff.DifferentiationError, match=r"has no variable `los`") as caught:
        reasons_of("los")
    assert caught.value.advice.startswith("Did you mean `loss`? There are W, xs, target, k, h,")
    with pytest.raises(srcdiff.DifferentiationError, match=r"`power` has no values of its own"):
        reasons_of("power")
    with pytest.raises(TypeError, match="why takes what differentiates"):
        srcdiff.why(network, "W", *ARGS)
