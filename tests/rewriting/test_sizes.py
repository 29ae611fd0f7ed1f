"""How many terms, factors, lines or calls a program has does not change its accuracy."""

import numpy as np
import pytest
from fuzz.compare import function_of
from scipy.special import logsumexp, softmax

import srcdiff

FAR = np.array([1000.0, 999.0, 998.0])
SIZES = (1, 6, 7, 12, 13, 40)


def weights(n):
    return 1.0 + 0.125 * (np.arange(n) % 5)


def lines(n):
    """Statements that have nothing to do with the exponential before them, but for its factor."""
    return ["    u0 = 1.0 + 0.5 * np.tanh(x[0])"] + [
        f"    u{k + 1} = 0.5 * u{k} + np.cos(u{k}) ** 2" for k in range(n)
    ]


def as_sum(n):
    terms = (f"{w} * np.exp(x[{k % 3}] - {k})" for k, w in enumerate(weights(n)))
    return f"    return np.log({' + '.join(terms)})", "of terms"


def as_running_sum(n):
    body = ["    s = np.exp(x[0])"]
    body += [f"    s = s + {w} * np.exp(x[{k % 3}] - {k})" for k, w in enumerate(weights(n))]
    return "\n".join([*body, "    return np.log(s)"]), "with the first twice"


def as_chain(n):
    body = ["    a = np.exp(x)", *(f"    a = a * {w}" for w in weights(n))]
    return "\n".join([*body, "    return np.log(np.sum(a))"]), "times weights"


def as_divided_chain(n):
    body = ["    a = np.exp(x)", *(f"    a = a / {w}" for w in 1.0 / weights(n))]
    return "\n".join([*body, "    return np.log(a[0] + a[1] + a[2])"]), "times weights"


SUMS = (as_sum, as_running_sum, as_chain, as_divided_chain)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("spelling", SUMS)
def test_sums_and_products_of_any_length(spelling, n):
    body, kind = spelling(n)
    f = function_of(f"import numpy as np\n\n\ndef f(x):\n{body}\n")
    value, slope = srcdiff.value_and_grad(f, jit=False)(FAR)
    k, w = np.arange(n), weights(n)
    if kind == "times weights":
        expected, shares = logsumexp(FAR) + np.sum(np.log(w)), softmax(FAR)
    else:
        logs, at = FAR[k % 3] - k + np.log(w), k % 3
        if kind == "with the first twice":
            logs, at = np.append(logs, FAR[0]), np.append(at, 0)
        expected, shares = logsumexp(logs), np.bincount(at, softmax(logs), minlength=3)
    assert value == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(slope, shares, rtol=1e-12, atol=1e-15)


RESULTS = {  # a helper's result, and its logarithm in the caller
    "positive": ("np.exp(x) * u ** 2", "np.log(np.sum(h(x)))"),
    "of either sign": ("np.exp(x) * (u - 0.25)", "np.log(np.sum(h(x)))"),
    "a number": ("np.exp(x[0]) / u ** 2", "np.log(h(x))"),
    "added up": ("np.exp(x[1]) * u ** 2", "np.log(h(x) + h(x + 1.0) + np.exp(x[0]))"),
    "two results": ("np.exp(x) * u ** 2, u", "np.log(np.sum(h(x)[0])) + h(x)[1]"),
    "in a list": ("np.exp(x[0]) * u ** 2", "np.log([h(x), h(2.0 * x)][0])"),
}


@pytest.mark.parametrize("n", [0, 12, 13, 60])
@pytest.mark.parametrize("result", RESULTS)
def test_helpers_of_any_length(result, n):
    """The same as with the statements in the caller's place, at ordinary arguments and beyond those of `exp`."""
    value, log = RESULTS[result]
    value = value.replace("u", f"u{n}").replace(f"nu{n}m", "num")
    helper = "\n".join(["def h(x):", *lines(n), f"    return {value}"])
    f = function_of(f"import numpy as np\n\n\n{helper}\n\n\ndef f(x):\n    return {log}\n")
    near = np.array([0.5, -0.25, 1.0])
    with np.errstate(all="ignore"):
        plain = srcdiff.value_and_grad(f, rewrite=False, jit=False)(near)
        found = srcdiff.value_and_grad(f, jit=False)
        assert found(near)[0] == pytest.approx(plain[0], rel=1e-13)
        np.testing.assert_allclose(found(near)[1], plain[1], rtol=1e-11, atol=1e-13)
        # u depends on x by tanh, which is constant here: 700 more in all exponents
        middle, far = (found(FAR - s) for s in (700.0, 0.0))
    assert far[0] == pytest.approx(middle[0] + 700.0, rel=1e-13)
    np.testing.assert_allclose(far[1], middle[1], rtol=1e-11, atol=1e-13)


RECURSIONS = {
    "sums": ("np.exp(x[n]) + g(x, n - 1)", lambda x: (logsumexp(x), softmax(x))),
    "products": ("np.exp(x[n]) * g(x, n - 1)", lambda x: (np.sum(x), np.ones(3))),
    "halves": ("0.5 * (np.exp(x[n]) + g(x, n - 1))", lambda x: (
        logsumexp(x, b=[0.25, 0.25, 0.5]), softmax(x + np.log([0.25, 0.25, 0.5])))),
}  # fmt: skip


@pytest.mark.parametrize("name", RECURSIONS)
def test_functions_that_call_themselves(name):
    step, expected = RECURSIONS[name]
    helper = f"def g(x, n):\n    if n == 0:\n        return np.exp(x[0])\n    return {step}"
    f = function_of(
        f"import numpy as np\n\n\n{helper}\n\n\ndef f(x):\n    return np.log(g(x, 2))\n"
    )
    for jit in (False, True):
        value, slope = srcdiff.value_and_grad(f, jit=jit)(FAR)
        wanted, shares = expected(FAR)
        assert value == pytest.approx(wanted, rel=1e-14)
        np.testing.assert_allclose(slope, shares, rtol=1e-12, atol=1e-15)


ELEMENTWISE = {
    "norm": ("np.log(np.linalg.norm(np.exp(x)))", lambda x: 0.5 * logsumexp(2.0 * x)),
    "outer": ("np.log(np.sum(np.outer(np.exp(x), np.ones(2))))", lambda x: logsumexp(x) + np.log(2.0)),
    "clip": ("np.log(np.sum(np.clip(np.exp(x), 0.0, None)))", logsumexp),
    "a number": ("np.log(np.sum(np.exp(np.sum(x))))", np.sum),
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_further_carriers(name):
    text, expected = ELEMENTWISE[name]
    f = function_of(f"import numpy as np\n\n\ndef f(x):\n    return {text}\n")
    value, slope = srcdiff.value_and_grad(f, jit=False)(FAR)
    assert value == pytest.approx(expected(FAR), rel=1e-14)
    h = 0.25
    numeric = [(expected(FAR + h * e) - expected(FAR - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(slope, numeric, rtol=0.05)


@pytest.mark.parametrize("n", [1, 3, 4, 9])
@pytest.mark.parametrize("step", ["1.25 * {}(x)", "{}(x)[::-1] / 0.8", "{}(x) ** 1"])
def test_helpers_of_helpers(step, n):
    helpers = "def h0(x):\n    return np.exp(x)\n"
    for k in range(n):
        helpers += f"\n\ndef h{k + 1}(x):\n    return {step.format(f'h{k}')}\n"
    f = function_of(
        f"import numpy as np\n\n\n{helpers}\n\ndef f(x):\n    return np.log(np.sum(h{n}(x)))\n"
    )
    value, slope = srcdiff.value_and_grad(f, jit=False)(FAR)
    factor = 1.0 if "** 1" in step else 1.25
    assert value == pytest.approx(logsumexp(FAR) + n * np.log(factor), rel=1e-14)
    np.testing.assert_allclose(slope, softmax(FAR), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n", [0, 4, 12])
def test_shifts_of_the_user_s_own_are_kept(n):
    """However often a maximum changes its shape."""
    moves = "".join("    m = m.reshape(1)\n    m = m[0]\n" for _ in range(n))
    text = f"def f(x):\n    m = np.max(x)\n{moves}    return np.log(np.sum(np.exp(x - m))) + m\n"
    g = srcdiff.value_and_grad(function_of(f"import numpy as np\n\n\n{text}"), jit=False)
    value, slope = g(FAR)
    assert value == pytest.approx(logsumexp(FAR), rel=1e-14)
    np.testing.assert_allclose(slope, softmax(FAR), rtol=1e-12, atol=1e-15)
    assert g.source.count("max") - g.source.count("isfinite") <= 1


@pytest.mark.parametrize("n", [1, 5, 30])
def test_uses_of_a_sum_may_be_far_from_it(n):
    body = "    s = 0.0\n    for v in x:\n        s += np.exp(v)\n"
    body += "    s = 1.25 * s\n" * n
    f = function_of(f"import numpy as np\n\n\ndef f(x):\n{body}    return np.log(s)\n")
    value, slope = srcdiff.value_and_grad(f, jit=False)(FAR)
    assert value == pytest.approx(logsumexp(FAR) + n * np.log(1.25), rel=1e-14)
    np.testing.assert_allclose(slope, softmax(FAR), rtol=1e-12, atol=1e-15)


QUOTIENTS = {
    "weights": ("np.exp(x) * u ** 2", "np.sum(h(x) * x) / np.sum(h(x))"),
    "a share": ("np.exp(x) * u ** 2", "h(x)[0] / (h(x)[0] + 2.0 * h(x)[1])"),
    "of a sum": ("np.sum(np.exp(x)) * u ** 2", "h(x[:2]) / h(x)"),
}


@pytest.mark.parametrize("n", [0, 13, 40])
@pytest.mark.parametrize("name", QUOTIENTS)
def test_quotients_of_helpers_of_any_length(name, n):
    value, quotient = QUOTIENTS[name]
    value = value.replace("u *", f"u{n} *")
    helper = "\n".join(["def h(x):", *lines(n), f"    return {value}"])
    f = function_of(f"import numpy as np\n\n\n{helper}\n\n\ndef f(x):\n    return {quotient}\n")
    g = srcdiff.value_and_grad(f, jit=False)
    middle, far = (g(FAR - s) for s in (700.0, 0.0))
    added = 700.0 if name == "weights" else 0.0
    assert far[0] == pytest.approx(middle[0] + added, rel=1e-12)
    np.testing.assert_allclose(far[1], middle[1], rtol=1e-9, atol=1e-12)
