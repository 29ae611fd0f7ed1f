"""Programs as tutorials and examples of other tools have them, in our words: models, solvers, simulations.

Reverse and forward mode are compared with finite differences; compiled gradients with those of NumPy in the slow suite.
"""

# ruff: noqa: B905, RUF007

import collections
import copy
import dataclasses
import functools
import itertools
import math
import operator

import numpy as np
import pytest
from corpus_loader import flatten

import srcdiff
from srcdiff.compile.arguments.pytree import float_positions

rng = np.random.default_rng(0)
CASES = []


def case(*args):
    def add(f):
        CASES.append((f, args))
        return f

    return add


# autograd-style: init params as list of (W,b), forward with zip and L2 via flatten
P = [
    (rng.normal(size=(3, 4)) * 0.5, rng.normal(size=4) * 0.1),
    (rng.normal(size=(4, 2)) * 0.5, rng.normal(size=2) * 0.1),
]


def forward(params, inputs):
    for W, b in params[:-1]:
        inputs = np.tanh(inputs @ W + b)
    W, b = params[-1]
    out = inputs @ W + b
    return (
        out
        - np.log(np.sum(np.exp(out - out.max(1, keepdims=True)), axis=1, keepdims=True))
        - out.max(1, keepdims=True)
    )


@case(P, rng.normal(size=(5, 3)), np.eye(2)[[0, 1, 0, 1, 1]])
def nll(params, X, Y):
    reg = sum(np.sum(W**2) + np.sum(b**2) for W, b in params)
    return -np.sum(forward(params, X) * Y) + 0.1 * reg


# JAX-like scan with carry written as helper
def scan(f, init, xs):
    carry, ys = init, []
    for x in xs:
        carry, y = f(carry, x)
        ys.append(y)
    return carry, np.stack(ys)


@case(np.array([0.3, 0.2]), rng.normal(size=(6, 2)))
def scanned(w, xs):
    def step(c, x):
        h, n = c
        h = np.tanh(w * h + x)
        return (h, n + 1), h * n

    (h, n), ys = scan(step, (np.zeros(2), 0), xs)
    return np.sum(ys) + np.sum(h) * n


# fori_loop / while_loop / cond helpers
def fori_loop(lo, hi, body, val):
    for i in range(lo, hi):
        val = body(i, val)
    return val


def while_loop(cond, body, val):
    while cond(val):
        val = body(val)
    return val


def cond(pred, t, f, *ops):
    return t(*ops) if pred else f(*ops)


@case(1.7, rng.normal(size=4) + 2)
def combinators(a, x):
    s = fori_loop(0, len(x), lambda i, v: v + a * x[i] ** 2, 0.0)
    t = while_loop(lambda v: v > 1.0, lambda v: v / a, s)
    return cond(t > 0.7, lambda u, v: u * v, lambda u, v: u - v, s, t)


# tree_map-like over nested dict
def tree_map(f, tree):
    if isinstance(tree, dict):
        return {k: tree_map(f, v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(tree_map(f, v) for v in tree)
    return f(tree)


@case({"a": rng.normal(size=3), "b": [rng.normal(size=2), (0.5, rng.normal(size=2))]})
def trees(p):
    q = tree_map(lambda v: np.sin(v) * 2, p)
    return np.sum(q["a"]) + np.sum(q["b"][0] * q["b"][1][1]) * q["b"][1][0]


# odeint with fixed steps and *args
def rk4(f, y0, ts, *args):
    ys = [y0]
    for t0, t1 in zip(ts[:-1], ts[1:]):
        h = t1 - t0
        y = ys[-1]
        k1 = f(y, t0, *args)
        k2 = f(y + h / 2 * k1, t0 + h / 2, *args)
        k3 = f(y + h / 2 * k2, t0 + h / 2, *args)
        k4 = f(y + h * k3, t1, *args)
        ys.append(y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(ys)


def pend(y, t, b, c):
    theta, omega = y
    return np.array([omega, -b * omega - c * np.sin(theta)])


@case(0.25, 5.0, np.array([3.0, 0.0]))
def pendulum(b, c, y0):
    return np.sum(rk4(pend, y0, np.linspace(0, 1, 8), b, c)[:, 0] ** 2)


# class module like torch.nn
class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def __call__(self, x):
        return x @ self.W + self.b


class ReLU:
    def __call__(self, x):
        return np.maximum(x, 0)


class Sequential:
    def __init__(self, *layers):
        self.layers = layers

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


@case(
    rng.normal(size=(3, 4)),
    rng.normal(size=4),
    rng.normal(size=(4, 1)),
    rng.normal(size=1),
    rng.normal(size=(5, 3)),
)
def torchlike(W1, b1, W2, b2, X):
    net = Sequential(Linear(W1, b1), ReLU(), Linear(W2, b2))
    return np.mean((net(X) - 1.0) ** 2)


# inner SGD with momentum (hypergrad), in place
@case(0.1, 0.9, rng.normal(size=3))
def hyper(lr, mom, w0):
    A = np.diag([1.0, 2.0, 3.0])
    w = w0.copy()
    v = np.zeros_like(w)
    for _ in range(5):
        g = A @ w - 1.0
        v *= mom
        v -= lr * g
        w += v
    return 0.5 * w @ A @ w - np.sum(w)


# convolution by hand with windows
@case(rng.normal(size=(6, 6)), rng.normal(size=(3, 3)))
def conv2d(img, k):
    H, W = img.shape
    h, w = k.shape
    out = np.zeros((H - h + 1, W - w + 1))
    for i in range(h):
        for j in range(w):
            out += img[i : i + H - h + 1, j : j + W - w + 1] * k[i, j]
    pooled = out.reshape(2, 2, 2, 2).max(axis=(1, 3))
    return np.sum(np.log1p(np.exp(pooled)))


# gaussian process with kernel composition by closures
def rbf(l, s):
    return lambda a, b: s**2 * np.exp(-0.5 * ((a[:, None] - b[None, :]) / l) ** 2)


def plus(*ks):
    return lambda a, b: functools.reduce(operator.add, (k(a, b) for k in ks))


@case(np.array([0.5, 1.0, 2.0, 0.3]), np.linspace(0, 1, 6), np.sin(np.linspace(0, 3, 6)))
def gp(theta, x, y):
    l1, s1, l2, s2 = theta
    kernel = plus(rbf(l1, s1), rbf(l2, s2))
    K = kernel(x, x) + 0.1 * np.eye(len(x))
    L = np.linalg.cholesky(K)
    a = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return 0.5 * y @ a + np.sum(np.log(np.diag(L)))


# LSTM with sliced gates
@case(rng.normal(size=(2 + 3, 12)) * 0.4, rng.normal(size=(4, 2)))
def lstm(W, xs):
    sig = lambda v: 1 / (1 + np.exp(-v))
    n = W.shape[1] // 4
    h = c = np.zeros(n)
    for x in xs:
        i, f, o, g = np.split(np.concatenate([x, h]) @ W, 4)
        c = sig(f) * c + sig(i) * np.tanh(g)
        h = sig(o) * np.tanh(c)
    return h @ c


# attention with mask
@case(rng.normal(size=(4, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3)))
def attention(x, Wq, Wk):
    T = len(x)
    s = (x @ Wq) @ (x @ Wk).T / np.sqrt(x.shape[-1])
    s = np.where(np.tril(np.ones((T, T))) == 0, -np.inf, s)
    e = np.exp(s - s.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return np.sum((p @ x) ** 2)


# newton's method with early return & tolerance
@case(2.0, 3.0)
def newton_root(a, p):
    x = a
    for _ in range(50):
        fx = x**p - a
        if abs(fx) < 1e-12:
            return x
        x = x - fx / (p * x ** (p - 1))
    else:
        raise RuntimeError("no convergence")


# string-based dispatch dict
ACT = {
    "relu": lambda x: np.maximum(0, x),
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(0, x),
}


@case(rng.normal(size=4), ["tanh", "softplus", "relu"])
def dispatch(x, names):
    for n in names:
        x = ACT[n](x * 1.1 + 0.1)
    return np.prod(x)


# bisect with while and swapping
@case(2.0)
def bisect(a):
    lo, hi = 0.0, 4.0
    f = lambda x: x * x - a
    for _ in range(60):
        mid = (lo + hi) / 2
        if f(lo) * f(mid) <= 0:
            hi = mid
        else:
            lo = mid
    return (mid + a / mid) / 2 * a


# kmeans soft with dataclass state
@dataclasses.dataclass
class State:
    mu: np.ndarray
    beta: float


@case(State(rng.normal(size=(2, 2)), 1.5), rng.normal(size=(5, 2)))
def soft_kmeans(state, X):
    for _ in range(3):
        d = ((X[:, None, :] - state.mu[None]) ** 2).sum(-1)
        r = np.exp(-state.beta * d)
        r /= r.sum(1, keepdims=True)
        state = dataclasses.replace(state, mu=(r.T @ X) / r.sum(0)[:, None])
    return np.sum(state.mu**2) * state.beta


# dynamic programming DTW soft
@case(rng.normal(size=4), rng.normal(size=5))
def soft_dtw(a, b):
    n, m = len(a), len(b)
    R = np.full((n + 1, m + 1), np.inf)
    R[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            prev = np.array([R[i - 1, j], R[i, j - 1], R[i - 1, j - 1]])
            lo = np.min(prev)
            R[i, j] = (a[i - 1] - b[j - 1]) ** 2 + lo - np.log(np.sum(np.exp(lo - prev)))
    return R[n, m]


# generator of minibatches (list comp), enumerate
@case(rng.normal(size=3), rng.normal(size=(7, 3)), rng.normal(size=7))
def batches(w, X, y):
    idx = [slice(s, s + 3) for s in range(0, len(X), 3)]
    loss = 0.0
    for k, b in enumerate(idx):
        r = X[b] @ w - y[b]
        loss += np.mean(r**2) / (k + 1)
    return loss


# fluid step with np.roll & indexing by arrays
@case(rng.normal(size=(4, 4)), rng.normal(size=(4, 4)) * 0.3)
def advect(q, vel):
    n = q.shape[0]
    rows, cols = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    c = rows - vel
    lo = np.floor(c).astype(int)
    w = c - lo
    q = (1 - w) * q[lo % n, cols] + w * q[(lo + 1) % n, cols]
    return np.sum((np.roll(q, 1, 0) + np.roll(q, -1, 1) - 2 * q) ** 2)


# metropolis-free: sum over permutations
@case(rng.normal(size=(3, 3)))
def permanent(A):
    return sum(math.prod(A[i, p[i]] for i in range(3)) for p in itertools.permutations(range(3)))


# callable with state counters, nonlocal and memo
@case(0.3, 6)
def chebyshev(x, n):
    memo = {0: 1.0, 1: x}

    def T(k):
        if k not in memo:
            memo[k] = 2 * x * T(k - 1) - T(k - 2)
        return memo[k]

    return sum(T(k) ** 2 for k in range(n))


# named tuple params and **kwargs
Net = collections.namedtuple("Net", "w b")


def loss_fn(net, *, x, y, scale=1.0, **extra):
    return scale * np.sum((x * net.w + net.b - y) ** 2) + extra.get("l2", 0.0) * net.w**2


@case(Net(0.5, 0.1), np.arange(3.0), np.ones(3))
def kwargs_loss(net, x, y):
    return loss_fn(net, x=x, y=y, l2=0.3) + loss_fn(net._replace(b=2 * net.b), y=y, x=x, scale=0.5)


# matrix-free CG
@case(rng.normal(size=(4, 4)), rng.normal(size=4))
def cg(M, b):
    A = M @ M.T + 4 * np.eye(4)
    x = np.zeros_like(b)
    r = b - A @ x
    p = r
    rs = r @ r
    for _ in range(len(b)):
        Ap = A @ p
        al = rs / (p @ Ap)
        x = x + al * p
        r = r - al * Ap
        rs, old = r @ r, rs
        if np.sqrt(rs) < 1e-10:
            break
        p = r + rs / old * p
    return x @ b


# histogram/scatter embeddings
@case(rng.normal(size=(5, 2)), np.array([0, 3, 3, 1]), rng.normal(size=(4, 2)))
def embed(E, idx, T):
    out = E[idx]
    acc = np.zeros_like(E)
    np.add.at(acc, idx, out * T)
    return np.sum(np.tanh(acc) ** 2)


# list of lists triangular accumulate, extend, sorted
@case(rng.normal(size=5))
def pairs(x):
    d = []
    for i in range(len(x)):
        d.extend(abs(x[i] - x[j]) ** 1.5 for j in range(i))
    top = sorted(d, reverse=True)[:3]
    return sum(t * w for t, w in zip(top, (3, 2, 1)))


# those in which only the run knows what is there
DYNAMIC = {"batches", "chebyshev"}


# whose kind the corpus has as well
LONG = {"nll", "gp", "conv2d", "lstm", "pendulum", "attention", "soft_kmeans", "soft_dtw"}


def ids(v):
    return getattr(v, "__name__", "")


@pytest.mark.parametrize(
    ("f", "args"),
    [pytest.param(*c, marks=[pytest.mark.slow] * (c[0].__name__ in LONG)) for c in CASES],
    ids=ids,
)
@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
def test_derivatives_agree_with_differences(f, args):
    srcdiff.check_grads(f, *copy.deepcopy(args), order=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("f", "args"), [(f, a) for f, a in CASES if f.__name__ not in DYNAMIC], ids=ids
)
def test_compiled_gradients_are_those_of_numpy(f, args):
    def gradient(jit):
        g = srcdiff.value_and_grad(
            f, argnums=tuple(float_positions(args)), jit=jit, on_independent="ignore"
        )
        return flatten(g(*copy.deepcopy(args)))

    np.testing.assert_allclose(gradient(True), gradient(False), rtol=1e-9, atol=1e-9)
