"""Derivatives of programs with lists, each element with a weight of its own; what is refused for them."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from fuzz.compare import problems
from transforms.sources import agrees, refusal, refusal_of, source

import srcdiff

X = np.array([1.1, 0.7, 1.6])
W = "np.array([1.0, 10.0, 100.0])"

RIGHT = {
    "popped below": "l = [v**2 for v in x]\ns = 0.0\nwhile l:\n    s = 0.5 * s + l.pop()\nreturn s",
    "a worklist": "q = [x[0]]\ns = 0.0\nn = 0\nwhile q:\n    v = q.pop()\n    s += v**2 * (n + 1)\n    n += 1\n"
    "    if n < 4:\n        q.append(v * x[1])\n        q.append(v * x[2])\nreturn s",
    "negative positions": "l = [x[0]]\nfor k in range(1, 3):\n    l.append(l[-1] * x[k] + l[0])\nreturn np.array(l) @ W",
    "replaced items": "l = [v**2 for v in x]\nfor t in range(3):\n    l[t] = l[t - 1] * x[t]\nl[-1] *= 2.0\nreturn np.array(l) @ W",
    "an array that is overwritten after its elements were listed": "y = x * x\nl = list(y)\ny[0] = x[2]\nl[1] = x[0] * x[1]\n"
    "return l[0] * l[1] + 10.0 * l[2] * y[0] + 100.0 * y[1]",
    "a list made of an array in every iteration": "y = x * x\ns = 0.0\nfor t in range(2):\n    l = list(y)\n    y[0] = y[0] * x[1]\n"
    "    l.append(y[0])\n    s += np.array(l) @ np.array([1.0, 10.0, 100.0, 1000.0])\nreturn s",
    "another name for an inner list": "d = {'a': [x[0]]}\nb = d['a']\nd['a'] += [x[1] ** 2]\nb.append(x[2])\nreturn np.array(d['a']) @ W",
    "a list that one branch grows": "d = {'a': [x[0]]}\nif x[1] > 0.0:\n    d['a'].append(x[1] ** 2)\nreturn sum(d['a']) + 10.0 * d['a'][-1]",
    "a position that no first iteration has": "d = {'a': []}\nfor t, v in enumerate(x):\n    d['a'].append(v**2 if t < 2 else v * d['a'][-2])\n"
    "return np.array(d['a']) @ W",
    "the last item, where there is one": "l = []\ns = 0.0\nfor v in x:\n    if l:\n        s += v * l[-1]\n    l.append(np.sin(v))\nreturn s",
    "the last row, where there is one": "l = []\nfor v in x:\n    before = l[-1] if len(l) > 0 else x * v\n    l.append(np.tanh(before + v))\n"
    "return np.sum(np.array(l) ** 2 * W)",
    "the last two items, where there are two": "l = []\nk = 0\nwhile k < len(x):\n    if len(l) >= 2:\n        l.append(l[-1] * l[-2] + x[k])\n"
    "    else:\n        l.append(x[k] ** 2)\n    k += 1\nreturn l[-1] * l[0]",
    "items of short lists in an inner loop": "l = []\nfor v in x:\n    q = [v, [v**2]]\n    for w in x:\n        l.append(q[0] * w + q[1][-1])\n"
    "return np.sum(np.array(l) ** 2 * np.arange(9.0))",
    "a list beside a number that changes": "st = (0.0, [])\nfor v in x:\n    st = (st[0] + v, st[1])\n    st[1].append(st[0] ** 2)\n"
    "return np.array(st[1]) @ W",
    "a list that either branch makes": "l = [x[0], x[1]] if x[0] > 0.0 else [x[1], x[2]]\nfor v in x:\n    l.append(v * 2.0)\n"
    "return np.array(l) @ np.arange(1.0, 6.0)",
    "a slice that the loop writes under": "l = [v**2 for v in x]\ns = 0.0\nfor v in l[1:]:\n    l[2] = x[0]\n    s = 2.0 * s + v\nreturn s",
    "a slice that is kept": "l = [v**2 for v in x]\nm = l[:-1]\nl[0] = x[1]\nl.reverse()\ns = 0.0\nfor v in m:\n    s = 3.0 * s + v\n"
    "return s + np.array(l) @ W",
    "a list that is replaced in every iteration": "l = [v**2 for v in x]\nfor t in range(3):\n    m = []\n    for k in range(3):\n"
    "        m.append(l[k] * x[t] + l[k - 1])\n    l = m\nreturn np.array(l) @ W",
    "lists of records": "l = []\nfor v in x:\n    l.append({'p': v, 'q': v * x})\ns = 0.0\nfor d in l:\n    s = 2.0 * s + d['p'] * d['q'][1]\nreturn s",
    "an inner list filled before it is put there": "g = []\nfor v in x:\n    row = []\n    for w in x:\n        row.append(v * w)\n    g.append(row)\n"
    "s = 0.0\nfor i in range(3):\n    for j in range(3):\n        s += g[i][j] * 10.0**j * (i + 1)\nreturn s",
    "an inner list that grows on its list": "g = []\nfor v in x:\n    g.append([v**2])\nfor row in g:\n    row.append(row[0] * x[1])\ns = 0.0\n"
    "for i in range(3):\n    s += g[i][0] * 10.0**i + g[i][1] * 3.0**i\nreturn s",
    "an inner list taken off": "g = []\nfor v in x:\n    g.append([v**2])\nr = g.pop()\nr.append(x[1] ** 2)\ng.append(r)\n"
    "return g[2][1] * g[2][0] + 10.0 * g[0][0]",
    "views that are added to": "w = np.outer(x, x * x)\nl = [v * x for v in x]\nfor r in l:\n    w = w + r\ny = np.stack(l) + w\nreturn np.sum(y * y * W)",
    "two lists added up": "l = [v * x for v in x]\nm = [v * x * x for v in x]\ns = l[0] @ W + (m[1] @ W) ** 2\n"
    "y = np.array(l) + np.array(m)\nreturn np.sum(y * y * W) + s * s",
    "inner lists of which only the number counts of inner lists": "g = [[v, 2.0] for v in x]\nh = [[v * w for w in x] for v in x]\nreturn g[0][0] * h[1][2] + 10.0 * h[2][0]",
    "arrays of different lengths joined": "l = []\nfor k in range(3):\n    l.append(x[: k + 1] ** 2)\n"
    "return np.sum(np.concatenate(l) ** 2 * np.arange(6.0))",
    "heads of a width that nothing shows, side by side": "q = np.outer(x, np.arange(1.0, 7.0))\nd = q.shape[1] // 2\nl = []\n"
    "for h in range(2):\n    l.append(np.tanh(q[:, h * d : (h + 1) * d]))\nreturn np.sum(np.concatenate(l, axis=1) ** 2 * np.arange(6.0))",
    "arrays joined side by side": "l = []\nfor v in x:\n    l.append(np.outer(x, x[:2]) * v)\ny = np.concatenate(l, axis=1)\n"
    "return np.sum(y**2 * np.arange(6.0)) + np.sum(np.hstack(l)[:, 3] * x)",
    "arrays written on their list": "g = []\nfor v in x:\n    g.append(v * x)\n    g[-1][1] *= v\n    g[0][0] += v\n"
    "return np.sum(np.array(g) * W)",
    "inner lists by names of their own": "g = []\nfor v in x:\n    g.append([v**2])\na, b, c = g\na.append(x[1] ** 2)\n"
    "return g[0][1] * 3.0 + a[0] * a[1] * c[0]",
}  # fmt: skip

WRONG = {
    "a list of lists changes while one of its lists is in use": "g = []\nfor v in x:\n    g.append([v**2])\nr = g[0]\ng.reverse()\n"
    "r.append(x[1])\nreturn g[2][1] * r[0]",
    "a list is written after it was put into a list": "g = []\nfor v in x:\n    row = []\n    g.append(row)\n    for w in x:\n"
    "        row.append(v * w)\nreturn g[0][1] * g[2][0]",
    "a list is copied, and the arrays or lists on it are written": "g = []\nfor v in x:\n    g.append([v**2])\nm = list(g)\n"
    "m[0].append(x[1])\nreturn g[0][1] * m[0][0]",
    "an array is written after it was put into a list": "g = [v * x for v in x]\nm = []\nm.append(g[0])\nm[0][1] = x[1] ** 2\n"
    "return g[0][1] * m[0][0]",
}  # fmt: skip


def text(body):
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"def f(x):\n    W = {W}\n{lines}"


@pytest.mark.parametrize("name", RIGHT)
def test_every_element_gets_its_own_adjoint_in_all_modes(name):
    agrees(text(RIGHT[name]), X)


@pytest.mark.parametrize("name", RIGHT)
def test_the_second_derivative_is_right(name):
    srcdiff.check_grads(source(text(RIGHT[name])), X, rtol=1e-4)


@pytest.mark.parametrize("message", WRONG)
def test_what_cannot_be_right_is_refused(message):
    assert message in refusal(text(WRONG[message]), X)


def test_empty_arrays_may_be_joined():
    f = source(text("l = [np.outer(x, x) * k for k in range(4)]\nreturn np.sum(np.hstack(l) ** 2)"))
    assert srcdiff.grad(f)(np.empty(0)).shape == (0,)


def test_a_list_that_is_only_taken_from_is_no_copy():
    f = source(text("l = [v * x for v in x]\nreturn np.sum(np.stack(l) ** 2 * W)"))
    assert "copy" not in srcdiff.grad(f).source_for(X)


def test_a_helper_that_pops_its_argument_pops_a_copy():
    f = source(
        """
        def squares(x):
            out = []
            for v in x:
                out.append(v**2)
            return out


        def f(x, w):
            return np.array(squares(x)) @ w + np.array(squares(2.0 * x)) @ w
        """
    )
    w = np.array([1.0, 10.0, 100.0])
    np.testing.assert_allclose(srcdiff.grad(f)(X, w), 10.0 * X * w)
    np.testing.assert_allclose(srcdiff.hvp(f)(X, w, np.ones(3)), 10.0 * w)


def test_a_list_may_be_read_before_the_first_array_is_put_there():
    def orthogonal(A):
        basis = []
        for column in A.T:
            rest = column
            for q in basis:
                rest = rest - (q @ column) * q
            basis.append(rest / np.linalg.norm(rest))
        return np.sum(np.cos(np.stack(basis, axis=1)))

    assert not problems(orthogonal, (np.random.default_rng(0).normal(size=(4, 3)),))


@pytest.mark.parametrize(
    "guard", ["stack", "len(stack) > 0", "stack and v < 1.5", "k > 0 and len(stack) >= 1"]
)
@pytest.mark.parametrize("taken", ["stack.pop()", "stack[-1]", "stack.pop(0)", "stack.pop(-1)"])
@pytest.mark.parametrize("item", ["v**2", "v * x", "np.outer(x, x) * v"])
def test_a_list_that_is_empty_at_first_is_read_behind_a_test(item, taken, guard):
    agrees(
        f"""
        def f(x):
            stack, s = [], 0.0
            for k, v in enumerate(x):
                if {guard}:
                    y = {taken}
                    s += np.sum(np.sin(y)) * v
                stack.append({item})
            return s
        """,
        X,
    )


def test_a_loop_that_reads_one_part_of_a_container_leaves_its_lists_alone():
    def f(p):
        s = np.sum(p["rows"][0])
        for _ in range(p["n"]):
            s = s * p["scale"]
        return s

    def g(p):
        s = p["scale"]
        for k in range(2):
            q = p["inner"]
            if s > 0:
                s = s * q["offset"] + p["rows"][k][0]
            else:
                s += q["weights"][k] * p["scale"]
        return s

    x = np.array([0.5, 0.7, -0.9])
    inner = {"offset": 0.3, "weights": [0.2, 0.4]}
    p = {"rows": [x, x * 2.0], "n": 2, "scale": 0.5, "inner": inner}
    assert problems(f, (p,), second=True) == []
    assert problems(g, (p,), second=True) == []
    assert srcdiff.grad(f).source_for(p).count("zeros_like(item)") == 1


def fill(xs, x):
    for k in range(3):
        xs.append(np.zeros_like(x))
        xs[-1][k] = x[k] * x[0]


def item_of_a_branch(x):
    xs = []
    fill(xs, x)
    h = xs[0] if x[0] > 0 else xs[1]
    return np.sum(h * xs[1] * x + h)


def item_that_a_loop_starts_with(x):
    xs = []
    fill(xs, x)
    h = xs[0]
    for k in range(2):
        h = np.tanh(h * x + xs[k])
    return np.sum(h * xs[1] + xs[0])


def item_in_use_while_others_come(x):
    xs = []
    fill(xs, x)
    u = xs[0]
    xs.append(x * 3.0)
    xs[3][0] *= 2.0
    u[1] = x[0]
    return np.sum(u * xs[3])


def items_replaced(x):
    xs = []
    fill(xs, x)
    for k in range(2):
        u = xs[k].copy()
        xs[k] = xs[k + 1] * 2.0
        xs[k][0] += u[1]
    return np.sum(xs[0] * xs[1])


def replaced_while_in_use(x):
    xs = []
    fill(xs, x)
    u = xs[1]
    xs[1] = x * 2.0
    xs[1][0] += u[1]
    return np.sum(xs[0] * xs[1])


def taken_off_while_in_use(x):
    xs = []
    fill(xs, x)
    u = xs[2]
    xs.pop()
    xs.append(x * 3.0)
    xs[2][0] *= 2.0
    return np.sum(u * xs[2])


def reversed_while_in_use(x):
    xs = []
    fill(xs, x)
    u = xs[0]
    xs.reverse()
    u[1] *= x[0]
    return np.sum(u * xs[2])


def last_one_while_others_come(x):
    xs = []
    fill(xs, x)
    u = xs[-1]
    xs.append(x * 3.0)
    u[1] = x[0]
    return np.sum(u * xs[3])


def written_item_of_a_branch(x):
    xs = []
    fill(xs, x)
    u = xs[0] if x[0] > 0 else xs[1]
    u[1] *= x[0]
    return np.sum(u * xs[0])


def written_item_of_a_loop(x):
    xs = []
    fill(xs, x)
    u = xs[0]
    for k in range(2):
        u[k] *= x[k]
        u = xs[k]
    return np.sum(u * xs[0])


HELD = [
    item_of_a_branch,
    item_that_a_loop_starts_with,
    item_in_use_while_others_come,
    items_replaced,
]
MOVED = [
    replaced_while_in_use,
    taken_off_while_in_use,
    reversed_while_in_use,
    last_one_while_others_come,
    written_item_of_a_branch,
    written_item_of_a_loop,
]
Z = np.array([0.5, 0.7, -0.9, 1.3])


@pytest.mark.parametrize("f", HELD)
def test_written_arrays_on_lists_have_their_adjoints_on_the_adjoint_list(f):
    assert problems(f, (Z,), second=True) == []


@pytest.mark.parametrize("f", MOVED)
def test_written_arrays_that_are_used_when_they_have_left_their_place_are_refused(f):
    assert re.search("was taken from a list|has two names", refusal_of(f, (Z,)))


def test_reverse_over_reverse_of_lists_whose_items_are_replaced():
    def f(x):
        xs = [x * 1.0, x * 2.0]
        for k in range(3):
            xs[1] = xs[0] * xs[1] * x[k]
        return np.sum(xs[0] * xs[1])

    w = np.cos(Z)
    _, back = srcdiff.vjp(srcdiff.grad(f), Z, argnums=0)
    np.testing.assert_allclose(back(w), srcdiff.hvp(f)(Z, w), rtol=1e-10)


@dataclass
class Layer:
    weights: np.ndarray
    kind: str
    count: int


def _applied(layer, x):
    return np.sum(np.sin(layer.weights * x)) if layer.kind == "sine" else np.sum(layer.weights)


def _of_objects(layers, x, n):
    layer = layers[0]
    for _ in range(n):
        layer = Layer(layer.weights * x, layer.kind, layer.count)
    return _applied(layer, x) + _applied(layers[0], x)


def test_objects_on_a_list_have_adjoints_of_their_numbers_alone():
    x, weights = np.array([0.5, 1.2, 0.3]), np.array([1.5, 2.2, 1.3])
    for jit in (False, True):
        (found,) = srcdiff.grad(_of_objects, jit=jit)([Layer(weights, "sine", 1)], x, 3)
        expected = x**4 * np.cos(weights * x**4) + x * np.cos(weights * x)
        np.testing.assert_allclose(found.weights, expected, rtol=1e-12)
