"""Random mixtures of exponentials and probabilities under logarithms, at extremes, in all modes: as mpmath has them.

Each program is text, which NumPy's functions make a program of and mpmath's what is right. Nothing may be off by more
than four units in the last place times what such a change of the argument, or of an exponent in it, changes.
"""

import ast
import linecache
import random
from types import SimpleNamespace

import mpmath as mp
import numpy as np
import pytest
from scipy.special import expit

import srcdiff

EPS = np.finfo(float).eps
DIGITS, STEP = 1700, mp.mpf(10) ** -200
POINTS = (-1000.0, 1000.0, -745.0, 745.0, -40.0, 40.0, -20.0, 0.3, -3.0, 0.0, 1e-9, 1e-300)
LINEAR = ("x", "-x", "2 * x", "x / 2", "x - 1", "1 - x", "-1.5 * x", "3 - x", "-x / 4 - 1")
SQUARED = ("-0.5 * x**2", "-(x**2) / 8", "-0.5 * ((x - 1) / 2) ** 2")
ATOMS = (
    "np.exp({})", "1 / (1 + np.exp({}))", "np.exp({0}) / (1 + np.exp({0}))", "expit({})", "(1 - expit({}))",
    "(1 + np.exp({}))", "(1 - 1 / (1 + np.exp({})))", "np.cosh({})", "sigmoid({})", "(1 - sigmoid({}))",
    "(1 - np.tanh(x / 2))", "(1 - np.tanh(1 - x / 2) ** 2)", "(np.exp({0}) + np.exp(-({0})))", "0.25",
    "np.sqrt(2 * np.pi)",
)  # fmt: skip
MIXED = (
    "{0} * ({1})", "{0} / ({1})", "({0} + {1})", "({0} + 0.5 * ({1}))", "({0}) ** 3", "({0}) ** -1", "np.sqrt({0})",
    "(7 * ({0}))",
)  # fmt: skip
LOGS = (
    "np.log({0})", "-2 * np.log({0})", "np.log2({0})", "np.log10({0})", "np.log({0}) - np.log({1})",
    "0.25 * np.log({0}) + 3 * np.log({1})", "-np.log(1 / ({0}))", "np.log(({0}) / ({1}))",
)  # fmt: skip
HELPER = "def sigmoid(t):\n    e = np.exp(-t)\n    return 1.0 / (1.0 + e)\n\n\n"


def positive(rng, depth=0):
    """The text of what is positive for all x."""
    if depth > 1 or rng.random() < 0.35:
        if rng.random() < 0.15:
            return f"np.exp({rng.choice(SQUARED)})"
        return rng.choice(ATOMS).format(rng.choice(LINEAR))
    return rng.choice(MIXED).format(positive(rng, depth + 1), positive(rng, depth + 1))


def by_names(text, rng):
    """Lines that compute an expression, with names for some of its parts."""
    lines = []

    def named(node, is_whole=False):
        for field, part in ast.iter_fields(node):
            if isinstance(part, ast.BinOp | ast.Call | ast.UnaryOp):
                setattr(node, field, named(part))
        if is_whole or rng.random() < 0.5:
            return node
        lines.append(f"    v{len(lines)} = {ast.unparse(node)}")
        return ast.Name(f"v{len(lines) - 1}")

    whole = ast.unparse(named(ast.parse(text, mode="eval").body, is_whole=True))
    return "\n".join([*lines, f"    return {whole}"])


def spelled(rng):
    """A function of x with a random expression in it, in one of some spellings."""
    text = rng.choice(LOGS).format(positive(rng), positive(rng))
    match rng.choice(("plain", "names", "helper", "loop")):
        case "names":
            return f"{HELPER}def f(x):\n{by_names(text, rng)}\n"
        case "helper":
            return f"{HELPER}def part(x, c):\n    return c * ({text})\n\n\ndef f(x):\n    return part(x, 1.0)\n"
        case "loop":
            lines = (
                "total = 0.0\n    for c in (0.25, 0.75):\n        total += c * y\n    return total"
            )
            return f"{HELPER}def f(x):\n    y = {text}\n    {lines}\n"
    return f"{HELPER}def f(x):\n    return {text}\n"


def program(text, name, **functions):
    file = f"<{name}>"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    scope = dict(functions)
    exec(compile(text, file, "exec"), scope)
    return scope["f"]


def exactly(text, name, x):
    """The value and three derivatives, and what the exponents in it are: the largest, and the largest slope."""
    exponents = []

    def of(f):
        return lambda u: (exponents.append(u), f(u))[1]

    def sigmoid(u):
        return 1 / (1 + mp.exp(-u))

    known = {k: of(getattr(mp, k)) for k in ("exp", "cosh", "tanh")}
    logs = {"log": mp.log, "log2": lambda u: mp.log(u, 2), "log10": mp.log10, "sqrt": mp.sqrt}
    f = program(
        text, name, np=SimpleNamespace(**known, **logs, pi=mp.mpf(np.pi)), expit=of(sigmoid)
    )
    with mp.workdps(DIGITS):
        at, found, seen = mp.mpf(x), [], []
        for k in (-2, -1, 0, 1, 2):
            exponents.clear()
            found.append(mp.mpf(f(at + k * STEP)))
            seen.append([*exponents])
        a, b, value, c, d = found
        slopes = (
            (c - b) / (2 * STEP),
            (c - 2 * value + b) / STEP**2,
            (d - 2 * c + 2 * b - a) / (2 * STEP**3),
        )
        steepest = max(
            (abs(u - v) / STEP for u, v in zip(seen[2], seen[3], strict=True)), default=0
        )
        return value, *slopes, max((1, *map(abs, seen[2]))), max(1, steepest)


def check(seed, **options):
    rng = random.Random(seed)
    text = spelled(rng)
    f = program(text, f"mixture {seed}", np=np, expit=expit)
    made = dict(on_independent="ignore", **options)
    g, forward = srcdiff.value_and_grad(f, **made), srcdiff.jacobian(f, mode="forward", **made)
    twice = srcdiff.hvp(f, **made)
    for x in POINTS:
        *exact, size, slope = exactly(text, f"mixture {seed}", x)
        with np.errstate(all="ignore"):
            value, d_x = g(x)
            found = (value, d_x, forward(x), twice(x, 1.0))
        for a, order in zip(found, (0, 1, 1, 2), strict=True):
            allowed = abs(exact[order]) + (1 + abs(x)) * abs(exact[order + 1])
            allowed += (size, slope, 3 * slope**2)[order]
            assert abs(float(a) - exact[order]) <= 4 * EPS * allowed, (text, x, order, float(a))


@pytest.mark.parametrize("seed", range(4))
def test_mixtures(seed):
    check(seed, jit=False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 150))
def test_many_mixtures(seed):
    check(seed, jit=False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(150, 170))
def test_compiled_mixtures(seed):
    check(seed, jit=True)
