"""Every pattern of a subscript, read, written and added to: the gradient is what NumPy picks and puts back."""

import contextlib
import itertools

import numpy as np
import pytest
from fuzz.compare import function_of
from loop_forms import as_python, loop_form

import srcdiff
from srcdiff.transforms.lower.loop_nests import NoLoopForm

SHAPE, MANY = (3, 4, 3), 12
ITEMS = ("1", ":", "::-1", "1:", "j", "k", "m", "None", "...")
NAMES = {
    "j": np.array([2, 0, 2]),
    "k": np.array([[[1, 0, 2]], [[-1, 1, 1]]]),
    "m": np.array([True, False, True]),
    "l": np.array([3, 0, 3]),  # for the longest axis
}
NOT_OF_THREE = {"::-1", "1:", "k"}


def _patterns():
    few = (
        i for i in itertools.product(ITEMS, repeat=3) if {*NAMES} & {*i} and not NOT_OF_THREE & {*i}
    )
    separated = itertools.product((":", "None", "..."), ("1", "j"), (":", "None", "..."), ("j",))
    for items in (
        *itertools.product(ITEMS),
        *itertools.product(ITEMS, repeat=2),
        *few,
        *separated,
        ("...", "l", ":"),
    ):
        if items.count("...") > 1:
            continue
        try:
            np.empty(SHAPE)[_subscript(items)]
        except IndexError:  # index arrays do not fit
            continue
        yield ", ".join(items)


def _subscript(items):
    return eval(f"index[{', '.join(items)}]", {"index": np.index_exp, **NAMES})


# masks last: where nothing shows how many entries they pick, there is no loop form
PATTERNS = sorted(_patterns(), key=lambda p: "m" in p)
BATCHES = [PATTERNS[k : k + MANY] for k in range(0, len(PATTERNS), MANY)]
STATEMENTS = {
    "read": "s = s + np.sum(v{k} * x{k}[{p}])",
    "read of an expression": "s = s + np.sum(v{k} * (x{k} * np.arange(3.0))[{p}])",
    "write": "y{k} = x{k} * 1.0\n    y{k}[{p}] = v{k}\n    s = s + np.sum(u{k} * y{k})",
    "add": "y{k} = x{k} * 1.0\n    y{k}[{p}] += v{k}\n    s = s + np.sum(u{k} * y{k})",
}


def _expected(kind, x, v, u, at):
    """The adjoints of an array and of what is read from it, or written to it."""
    if kind.startswith("read"):
        factor = np.arange(3.0) if kind == "read of an expression" else 1.0
        d_x = np.zeros_like(x)
        np.add.at(d_x, at, v)
        return factor * d_x, (factor * x)[at]
    last = np.full(x.shape, -1)
    last[at] = np.arange(v.size).reshape(
        v.shape
    )  # of several entries for one place, the last one stays
    d_v = np.zeros(v.size)
    d_v[last[last >= 0]] = u[last >= 0]
    return np.where((last >= 0) & (kind == "write"), 0.0, u), d_v.reshape(v.shape)


@pytest.mark.parametrize("kind", STATEMENTS)
@pytest.mark.parametrize("patterns", BATCHES, ids=lambda b: b[0])
def test_the_gradient_of_a_subscript_is_what_numpy_picks_and_puts_back(patterns, kind):
    rng = np.random.default_rng(0)
    xs, us = ([rng.normal(size=SHAPE) for _ in patterns] for _ in range(2))
    places = [_subscript(p.split(", ")) for p in patterns]
    vs = [rng.normal(size=x[at].shape) for x, at in zip(xs, places, strict=True)]
    lines = [STATEMENTS[kind].format(k=k, p=p) for k, p in enumerate(patterns)]
    params = ", ".join(f"{name}{k}" for name in "xvu" for k in range(len(patterns)))
    text = "\n    ".join((f"def f({params}, j, k, m, l):", "s = 0.0", *lines, "return s\n"))
    f = function_of(f"import numpy as np\n{text}")
    args = (*xs, *vs, *us, *NAMES.values())
    gradient = srcdiff.grad(f, argnums=tuple(range(2 * len(xs))), jit=False)
    forms = [gradient]
    with contextlib.suppress(NoLoopForm):
        forms.append(as_python(loop_form(gradient, args)))
    assert len(forms) == 2 or "m" in patterns[-1]
    for found in forms:
        d_xs_and_vs = found(*args)
        expected = [_expected(kind, *of_one) for of_one in zip(xs, vs, us, places, strict=True)]
        for k, d in enumerate(d_x for part in zip(*expected, strict=True) for d_x in part):
            message = patterns[k % len(patterns)]
            np.testing.assert_allclose(d_xs_and_vs[k], d, rtol=1e-12, err_msg=message)
