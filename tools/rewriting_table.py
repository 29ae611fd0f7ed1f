"""The table of `docs/rewriting.md`: each named rewriting, and the errors of value and derivative with and without it.

    python tools/rewriting_table.py

prints it. What is right comes from `mpmath`, which takes the left side at a thousand digits.
"""

from __future__ import annotations

import ast
import linecache
import warnings

import mpmath
import numpy as np
import scipy.special

import srcdiff
from srcdiff.options import REWRITINGS
from srcdiff.transforms.rewrite.patterns import Apply, Attribute, Number
from srcdiff.transforms.rewrite.stability_rules import EXAMPLES, RULES

EPS = np.finfo(float).eps
DIGITS = 1000
WEIGHTS = np.array([1.0, 0.5, 0.25, -1.5, 0.75])  # of the elements of what is an array
CHOICES = {"axis": (None, 0), "keepdims": (False, True)}
OF_MATRICES = {"axis": (0, 1), "keepdims": (False, True)}
OPERATORS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "matmul": "@",
    "less": "<",
    "greater": ">",
}
SPELLED = {
    "log": "np.log", "exp": "np.exp", "log1p": "np.log1p", "expm1": "np.expm1", "sum": "np.sum", "mean": "np.mean",
    "expit": "expit", "softmax": "softmax", "logsumexp": "logsumexp", "log_softmax": "log_softmax", "var": "np.var",
    "logaddexp": "np.logaddexp", "inv": "np.linalg.inv", "det": "np.linalg.det", "solve": "np.linalg.solve",
    "slogdet": "np.linalg.slogdet", "eye": "np.eye", "trace": "np.trace", "diag": "np.diag", "absolute": "np.abs",
    "cosh": "np.cosh", "sinh": "np.sinh", "tanh": "np.tanh", "sqrt": "np.sqrt", "square": "np.square",
    "log2": "np.log2", "log10": "np.log10", "where": "np.where", "minimum": "np.minimum", "maximum": "np.maximum",
    "norm": "np.linalg.norm", "highest": "np.max", "prod": "np.prod", "euclidean_norm": "scipy.linalg.norm",
    "sin": "np.sin", "cos": "np.cos", "arcsinh": "np.arcsinh",
    "arctanh": "np.arctanh", "ndtr": "ndtr", "log_ndtr": "log_ndtr", "erf": "erf", "erfc": "erfc", "ravel": "np.ravel",
    "size": "np.size", "count": "np.size", "isfinite": "np.isfinite", "einsum": "np.einsum",
}  # fmt: skip


KNOWN = (
    "held",
    "log_one_less_exp",
    "log_cosh",
    "computed_as",
    "one_less_sigmoid",
)  # whose second operand is what they are known of


def choices(rule):
    """What the keywords of a rule may be."""
    of_matrices = any(isinstance(a, list) and isinstance(a[0], list) for a in rule.samples[0])
    found = [{}]
    for keyword in rule.keywords:
        values = (OF_MATRICES if of_matrices else CHOICES)[keyword]
        found = [{**c, keyword: value} for c in found for value in values]
    return found


def einsum(x, k, *y, subscripts):
    return x @ k @ y[0] if y else np.sum(x * k, axis=1)


def text(pattern, choice):
    """The left side as a user writes it."""
    if isinstance(pattern, Number):
        return repr(pattern.value)
    if not isinstance(pattern, Apply):
        return pattern.name
    parts = [text(p, choice) for p in pattern.operands]
    if pattern.operation in OPERATORS:
        return f"({parts[0]} {OPERATORS[pattern.operation]} {parts[1]})"
    if pattern.operation == "negative":
        return f"-({parts[0]})"
    if pattern.operation == "power":
        return f"({parts[0]})**{parts[1]}"
    if pattern.operation == "transpose":
        return f"{parts[0]}.T"
    if pattern.operation in KNOWN:
        return parts[0]
    if pattern.operation == "index":
        at = iter(parts[1:])
        where = dict(pattern.attrs)["where"]
        return f"{parts[0]}[{', '.join(next(at) if i == 'i' else i for i in where.split(', '))}]"
    if pattern.operation == "axis_length":
        return f"len({parts[0]})"
    if pattern.operation == "slogdet":
        return f"np.linalg.slogdet({parts[0]})[{pattern.result}]"
    if pattern.operation == "einsum":
        return f"np.einsum({pattern.attrs[0][1]!r}, {', '.join(parts)})"
    for key, value in pattern.attrs:
        attributes = choice.get(value.name, value) if isinstance(value, Attribute) else value
        parts.append(
            f"{key}={attributes.name if isinstance(attributes, Attribute) else repr(attributes)}"
        )
    along_axes = pattern.operation == "euclidean_norm" and pattern.attrs
    spelled = "np.hypot.reduce" if along_axes else SPELLED[pattern.operation]
    return f"{spelled}({', '.join(parts)})"


def program(rule, choice, sample):
    """A function of the rule's parameters that computes the left side, weighted where it is an array."""
    is_array = isinstance(given(sample)[0], list)
    body = text(rule.pattern, choice)
    total = "np.sum(w[:np.size(Y)] * np.ravel(Y))" if is_array else "Y"
    named = dict(zip(rule.parameters, sample, strict=True))
    made = "".join(f"    {k} = {a}\n" for k, a in named.items() if isinstance(a, str))
    params = [*(k for k, a in named.items() if not isinstance(a, str)), *["w"] * is_array]
    source = f"def f({', '.join(params)}):\n{made}    Y = {body}\n    return {total}\n"
    name = f"<rewriting {source}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    names = ("expit", "softmax", "log_softmax", "ndtr", "erf", "erfc")
    space = {"np": np, **{name: getattr(scipy.special, name) for name in names}}
    exec(compile(source, name, "exec"), space)
    return space["f"]


def exact(pattern, env, choice):
    """The pattern at many digits: numbers, and arrays of them."""
    if isinstance(pattern, Number):
        return mpmath.mpf(pattern.value)
    if not isinstance(pattern, Apply):
        return env[pattern.name]
    parts = [exact(p, env, choice) for p in pattern.operands]
    if pattern.operation in OF_ARRAYS:
        attributes = {
            k: choice[v.name] if isinstance(v, Attribute) else v for k, v in pattern.attrs
        }
        return OF_ARRAYS[pattern.operation](*parts, **attributes)
    of_each = OF_NUMBERS[pattern.operation]
    if any(isinstance(p, np.ndarray) for p in parts):
        return np.vectorize(of_each, otypes=[object])(*parts)
    return of_each(*parts)


OF_NUMBERS = {
    "log": mpmath.log, "exp": mpmath.exp, "log1p": lambda x: mpmath.log(1 + x), "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y, "multiply": lambda x, y: x * y, "divide": lambda x, y: x / y,
    "negative": lambda x: -x, "power": lambda x, y: x**y, "expit": lambda x: 1 / (1 + mpmath.exp(-x)), "absolute": abs,
    "logaddexp": lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)), "cosh": mpmath.cosh, "sqrt": mpmath.sqrt,
    "square": lambda x: x * x, "expm1": lambda x: mpmath.exp(x) - 1, "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": lambda x: mpmath.log(x) / mpmath.log(10), "cos": mpmath.cos,
    "sinh": mpmath.sinh, "tanh": lambda x: (1 - mpmath.exp(-2 * x)) / (1 + mpmath.exp(-2 * x)), "erf": mpmath.erf,
    "erfc": mpmath.erfc, "ndtr": lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
}  # fmt: skip


def exact_mean(x, **attributes):
    total = np.sum(x, **attributes)
    return total / (np.size(x) // np.size(total))


def exact_softmax(x, axis=None):
    grown = np.vectorize(mpmath.exp, otypes=[object])(x)
    return grown / np.sum(grown, axis=axis, keepdims=True)


def exact_log_softmax(x, axis=None):
    return np.vectorize(mpmath.log, otypes=[object])(exact_softmax(x, axis))


def exact_inverse(x):
    return np.array((mpmath.matrix(x.tolist()) ** -1).tolist(), dtype=object)


OF_ARRAYS = {
    "sum": np.sum, "mean": exact_mean, "softmax": exact_softmax, "prod": np.prod, "log_softmax": exact_log_softmax,
    "matmul": np.matmul, "trace": np.trace, "diag": np.diag, "transpose": np.transpose, "inv": exact_inverse,
    "det": lambda x: mpmath.det(mpmath.matrix(x.tolist())), "einsum": einsum,
    "index": lambda x, *at, where: x[tuple(_items(where, at))],
}  # fmt: skip


def _items(where, at):
    """The items of an index pattern."""
    rest = iter(at)
    return [next(rest) if i == "i" else slice(None) for i in where.split(", ")]


def given(sample):
    """What of a sample is an argument: the others are texts, of what the arguments say."""
    return [a for a in sample if not isinstance(a, str)]


def flat(sample):
    """All numbers of nested lists."""
    return [x for a in sample for x in (flat(a) if isinstance(a, list) else [a])]


def rebuilt(like, numbers):
    """Nested lists of other numbers, as arrays."""
    if not isinstance(like, list):
        return next(numbers)
    return np.array([rebuilt(a, numbers) for a in like], dtype=object)


def weighted(rule, sample, choice):
    """The left side, weighted, as a function of all numbers of the sample, and of the weights."""

    def f(*numbers):
        rest = iter(numbers)
        named = dict(zip(rule.parameters, sample, strict=True))
        env = {k: rebuilt(a, rest) for k, a in named.items() if not isinstance(a, str)}
        env |= {k: eval(a, {"np": np, **env}) for k, a in named.items() if isinstance(a, str)}
        y = exact(rule.pattern, env, choice)
        weights = list(rest)
        return (
            mpmath.fsum(w * e for w, e in zip(weights, np.ravel(y), strict=False)) if weights else y
        )

    return f


def derivative(f, at, *orders):
    """By central differences of the right size at many digits."""
    h = mpmath.mpf(10) ** (-DIGITS // 4)
    if not orders:
        return f(*at)
    k, *rest = orders
    up, down = ([x + s * h if j == k else x for j, x in enumerate(at)] for s in (1, -1))
    return (derivative(f, up, *rest) - derivative(f, down, *rest)) / (2 * h)


def results(rule, choice, sample, **options):
    """What the value and each derivative are at a sample, and what they are to be.

    Returns
    -------
    wanted : callable
        The left side at many digits.
    at : list
        Where: the numbers of the sample, and the weights.
    found : list of (orders, number)
        The value, of order (), and the derivatives by each number of the sample.
    """
    f = program(rule, choice, sample)
    arguments = [np.array(a) if isinstance(a, list) else a for a in given(sample)]
    weights = [WEIGHTS] if isinstance(arguments[0], np.ndarray) else []
    numbers, argnums = flat(given(sample)), tuple(range(len(arguments)))
    g = srcdiff.value_and_grad(f, argnums=argnums, jit=False, on_independent="ignore", **options)
    value, gradient = g(*arguments, *weights)
    found = [value, *flat([np.asarray(d).ravel().tolist() for d in gradient])]
    with mpmath.workdps(DIGITS):
        at = [mpmath.mpf(x) for x in (*numbers, *flat([w.tolist() for w in weights]))]
    orders = [(), *((k,) for k in range(len(numbers)))]
    return weighted(rule, sample, choice), at, list(zip(orders, found, strict=True))


def errors(rule, choice, sample, **options):
    """The relative errors of the value and of the worst of the derivatives, as they are printed."""
    try:
        wanted, at, found = results(rule, choice, sample, **options)
    except (ZeroDivisionError, OverflowError, ValueError):  # Python's own numbers
        return np.nan, np.nan
    small = mpmath.mpf(2) ** -1070
    off = []
    with mpmath.workdps(DIGITS):
        for order, result in found:
            exactly = derivative(wanted, at, *order)
            is_number = np.isfinite(float(result))
            error = abs(mpmath.mpf(float(result)) - exactly) if is_number else mpmath.nan
            off.append(
                float(error / max(abs(exactly), small)) if error > small or not is_number else 0.0
            )
    return off[0], max(off[1:], key=lambda e: np.inf if np.isnan(e) else e)


def worst(rule, **options):
    """The greatest errors over all samples."""
    found = [errors(rule, c, s, **options) for c in choices(rule) for s in rule.samples]
    return [
        max(column, key=lambda e: np.inf if np.isnan(e) else e)
        for column in zip(*found, strict=True)
    ]


def shown(error):
    """The power of ten above an error."""
    if not np.isfinite(error):
        return "inf or NaN"
    return "0" if error == 0 else f"1e{int(np.ceil(np.log10(error)))}"


def row(rule):
    """What a rule says, without what was measured."""
    attributes = {k: Attribute(k) for k in rule.keywords}
    before, after = (text(side, attributes) for side in (rule.pattern, rule.replacement))
    return f"| `{rule.name}` | `{plain(before)}` | `{plain(after)}` | {rule.kind} | {rule.reason} |"


def plain(written):
    """Without brackets that mean nothing, and with whole numbers."""
    return ast.unparse(ast.parse(written.replace("0.0", "0"), mode="eval"))


def table():
    yield "| name | written | computed | class | why | value, derivative without | with |"
    yield "|---|---|---|---|---|---|---|"
    for rule in (*RULES, *EXAMPLES):
        if not rule.samples:  # it is as accurate with as without
            yield f"{row(rule)} | |"
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            without = worst(rule, rewrite=False)
            having = worst(rule, rewrite={name: name == rule.name for name in REWRITINGS})
        yield f"{row(rule)} {', '.join(map(shown, without))} | {', '.join(map(shown, having))} |"


if __name__ == "__main__":
    print("\n".join(table()))
