"""Printing: the look of the text, and that it reads back as the tree it was printed from."""

import ast
import sys
import time

import gast
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srcdiff.codegen.text import syntax as n
from srcdiff.codegen.text.printer import to_text
from srcdiff.codegen.text.syntax import Blank, Comment

# ---- the look: programs that come out as they went in ---------------------------------------

BAYES = '''\
"""The reparameterised ELBO of Bayesian logistic regression."""

import numpy as np
from scipy.special import expit


def elbo(mu, C, eps, X, y):
    """mu (D,), C (D, D), eps (S, D), X (N, D), y in {-1, +1} (N,)."""
    eta = mu + eps @ C.T
    log_lik = -np.sum(np.logaddexp(0.0, -y * (eta @ X.T))) / len(eps)
    kl = 0.5 * (np.sum(C**2) + mu @ mu - len(mu)) - np.sum(np.log(np.diag(C)))
    return log_lik - kl


def elbo_value_and_grad(mu, C, eps, X, y):
    """Value and gradient of `elbo` with respect to `mu`, `C`."""
    eta = mu + eps @ C.T
    margin = y * (eta @ X.T)
    d_logits = y * expit(-margin) / len(eps)
    d_eta = d_logits @ X
    d_mu = d_eta.sum(axis=0) - mu
    d_C = d_eta.T @ eps - C
    np.fill_diagonal(d_C, np.diag(d_C) + 1.0 / np.diag(C))
    return value, (d_mu, d_C)


EXAMPLES = [_example()]
WRT = (0, 1)
'''

LOOPS = """\
def final_energy(u0, dt, steps):
    us = np.empty((steps, len(u0)))
    u = u0.copy()
    for n in range(steps):
        us[n] = u
        left = u[0]
        for i in range(1, len(u) - 1):
            v[i] = u[i] + k * (u[i - 1] - 2.0 * u[i] + u[i + 1])
            s += (u[i] - target[i]) ** 2
    for n in reversed(range(steps)):
        old, left = u[i], u[i - 1]
        d_old = d_left + d_u[i] * (1.0 - dt * (2.0 * old - left))
        d_u[i - 1] += (1.0 - 2.0 * k) * d_v[i]
    for (W, _), x in zip(reversed(params), reversed(xs)):
        d_W, d_b, d_x = layer_backward(d_x, W, x, out)
        d_params.append((d_W, d_b))
    return value, d_u


EXAMPLES = [(np.array([0.5, 1.0, 0.7, -0.3, 0.9]), 0.1, 6)]
WRT = (0,)
"""

HMM = """\
def log_Z_value_and_grad(log_pi, log_A, log_B, data):
    log_alphas = np.empty((len(ys), len(log_pi)))
    log_alpha = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        log_alphas[t] = log_alpha
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    d_log_alpha = np.exp(log_alpha - value)
    for t in reversed(range(len(ys))):
        d_log_B[:, y] += d_log_alpha
        scores = log_alphas[t][:, None] + log_A
        d_scores = np.exp(scores - np.where(norm == -np.inf, 0.0, norm)) * d_log_alpha
        d_log_alpha = np.sum(d_scores, axis=1)
    norm = lambda a: np.log(a / a.sum(-1, keepdims=True))
    log_A = np.where(np.eye(3) + np.eye(3, k=1) > 0, log_A, -np.inf)
    return value, (d_log_pi, d_log_A, d_log_B)
"""

KEPLER = """\
def eccentric_anomaly(mean_anomaly, e, tol):
    Es = []
    E = mean_anomaly
    while True:
        Es.append(E)
        step = (E - e * np.sin(E) - mean_anomaly) / (1.0 - e * np.cos(E))
        if step > 1.0:
            step = 1.0
        elif not 0 <= data[t] < log_B.shape[1]:
            continue
        else:
            pass
        if abs(step) < tol:
            break
    d_denominator = -d_step * step / denominator
    d_e -= d_numerator * np.sin(E) + d_denominator * np.cos(E)
    return value, (d_mean_anomaly, d_e)


EXAMPLES = [(0.8, 0.3, 1e-12), (2.5, 0.9, 0.05), (0.3, 0.7, 0.2)]
"""

COMPILED = """\
import math

import_is_done = True


@njit(error_model="numpy", fastmath={"contract", "reassoc", "arcp", "nsz"})
def log_Z_value_and_grad(log_pi, log_A, log_B, data):
    if log_A.shape != (K, K) or log_B.shape[0] != K:
        raise ValueError("log_pi, log_A and log_B disagree about the number of states (hmm.py:16)")
    top, total = np.empty(K), np.empty(K)
    top[j], total[j] = -np.inf, 0.0
    top[j] = top[j] if top[j] > -np.inf else 0.0
    for t in range(T - 1, 0, -1):
        norm[j] = log_alphas[t, j] - log_B[j, data[t]]
    d_log_alpha, d_previous = d_previous, d_log_alpha


@cuda.jit
def potential_adjoint(x, weight, energy, d_x, d_weight, d_energy):
    i = cuda.grid(1)
    if i < x.shape[0]:
        r2 += (x[i, k] - x[j, k]) ** 2
        cuda.atomic.add(d_x, (i, k), d_difference)


if __name__ == "__main__":
    rng = np.random.default_rng(0)

    def loss(x, weight):
        energy = np.zeros(len(x))
        potential[1, 8](x, weight, energy)
        return energy @ d_energy

    with np.errstate(divide="ignore"):
        hv = (gradient(theta + h * v) - gradient(theta - h * v)) / (2 * h)
"""

PROGRAMS = {"bayes": BAYES, "loops": LOOPS, "hmm": HMM, "kepler": KEPLER, "compiled": COMPILED}


@pytest.mark.parametrize("source", PROGRAMS.values(), ids=PROGRAMS)
def test_well_formatted_programs_come_out_as_they_went_in(source):
    assert to_text(gast.parse(source)) == source


EXPRESSIONS = """\
x**2
-x**2
x**-2
(-x) ** 2
(-2.0) ** 2
(a + b) ** 2
x[i] ** 2
np.pi**a.b
f(x) ** 2
x**y**z
x**-y**2
(x**y) ** z
(-x.y) ** -y
a - (b - c)
a - b - c
a / (b * c)
(a + b) @ c
-(a + b)
--x
not a == b
(not a) in b
a < b <= c != d
(a < b) < c
a and (b or c) and not d
(a and b) and c
a is not None
a if b else c if d else e
(a if b else c) if d else e
~a & b | c ^ d << 2 >> 1
1.0 - x
x[i, :, None]
x[:, 0]
x[1:-1]
x[::-1]
x[n - 1 :]
x[: n + 1, b:]
x[a + 1 :: 2]
x[: f(x) : 2]
x[a.b : c]
x[...]
x[..., None]
x[(a, b), c]
x[a,]
x[*a, b]
x[()]
()
(a,)
(a, b)
[a, (b, c), *d]
{a, *b}
{"a": 1, **b}
{}
f(a, *b, c=d, **e)
f(*(a or b), **(a or b))
f(x for x in y)
f((x for x in y), 2)
f(y := 2)
(y := 2) + 1
[y for x in z if x if y]
[x for x in (a if b else c) if (lambda: 0)]
{a: b for a, b in c}
{a for (a,) in b}
lambda: 0
lambda x, /, y=2, *a, z, w=3, **k: x + y
lambda *, a: (yield)
(lambda x: x)(2)
(3).real
(1.5).real
"a".join(b)
"it's"
'say "it"'
'both \\'"'
"tab\\t"
b"bytes"
u"old"
2j
1e16
1e-12
1e-5
f"{x}"
f"{x!r:>{width}} {{}}"
f"{x['a']}{y:.2f}"
f"{ {'a': 1}} {(lambda: 0)}"
f"it's {x + 1}\\n"
f"{f'{x}'}"
""".splitlines()


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_expressions_have_the_brackets_that_they_need_and_no_others(source):
    assert to_text(gast.parse(source, mode="eval").body) == source


STATEMENTS = """\
x = y = 1
x, y = y, x
(x,) = y
*a, b = c
x = yield
x = yield a, b
x += yield from y
x: int
x: int = 3
(x): int = 3
x.y: list[int] = (a, b)
return
return a, *b
return (a,)
yield a
(x := 2)
del x, y[0]
del (a, b), c
assert x, "why"
raise
raise ValueError("x") from e
global a, b
nonlocal a
import a.b as c, d
from . import x
from ..a import b as c, d
from a import *
for x, y in a, b:
    pass
for (x,) in z:
    pass
else:
    pass
while x := f():
    break
else:
    continue
if a:
    pass
elif b:
    pass
else:
    if c:
        pass
    d
with a as b, c, d() as (e, f):
    pass
with ((a, b)):
    pass
with (a, b) as c:
    pass
try:
    pass
except (A, B) as e:
    pass
except:
    pass
else:
    pass
finally:
    pass
match x, y:
    case 1:
        pass
@a.b(c)
class A(B, metaclass=C):
    pass
class A:
    x = 1
def f(a: int, /, b: str = "x", *args: int, c=1, **kw) -> None:
    pass
def f(*, a):
    pass
match x:
    case -1 | 2.5 | "s" | None | True | 1 - 2j:
        pass
    case [a, *_] | [*rest]:
        pass
    case {"a": 1, b.c: [x], **rest} if x > 1:
        pass
    case A.B(x, y=1 | 2 as z):
        pass
    case (a as b) | c:
        pass
    case _:
        pass
"""


def _statements(source: str) -> list[str]:
    """One text per statement that starts at the margin, with its clauses."""
    continuations = ("elif", "else", "except", "finally", "class A(B", " ")
    texts: list[str] = []
    for line in source.splitlines():
        if line.startswith(continuations):
            texts[-1] += "\n" + line
        else:
            texts.append(line)
    return texts


@pytest.mark.parametrize("source", _statements(STATEMENTS))
def test_statements_come_out_as_they_went_in(source):
    if source.startswith("match x, y"):  # a tuple as the subject is put in brackets
        assert to_text(gast.parse(source).body[0]) == source.replace("x, y", "(x, y)")
    else:
        assert to_text(gast.parse(source).body[0]) == source


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
@pytest.mark.parametrize(
    "source",
    ["type X[T] = list[T]", "def f[T: int, *Ts, **P](x: T):\n    pass", "class A[T]:\n    pass"],
)
def test_type_parameters_are_printed(source):
    assert to_text(gast.parse(source).body[0]) == source


@pytest.mark.skipif(sys.version_info < (3, 13), reason="syntax of Python 3.13")
def test_defaults_of_type_parameters_are_printed():
    source = "type X[T: int = bool, *Ts = *tuple[int, ...], **P = [int]] = list[T]"
    assert to_text(gast.parse(source).body[0]) == source


# ---- comments and blank lines ---------------------------------------------------------------


def test_comments_and_blank_lines_stand_where_they_are_put():
    body = [
        Comment("forward"),
        n.assign("y", n.call("f", n.name("x"))),
        Blank(),
        Comment("backward\nsecond line"),
        n.for_("i", n.call("range", n.name("n")), [Blank(), Comment("one iteration"), n.break_()]),
        Blank(),
        n.return_(n.name("y")),
    ]
    assert to_text(n.function_def("g", ["x", "n"], body, "Doc.")) == (
        'def g(x, n):\n    """Doc."""\n    # forward\n    y = f(x)\n\n'
        "    # backward\n    # second line\n    for i in range(n):\n"
        "        # one iteration\n        break\n\n    return y"
    )


def test_comments_above_a_definition_stay_with_it():
    f = n.function_def("f", [], [n.pass_()])
    text = to_text(n.module([n.assign("x", n.constant(1)), Comment("about f"), f, Comment("end")]))
    assert text == "x = 1\n\n\n# about f\ndef f():\n    pass\n\n\n# end\n"


def test_a_comment_followed_by_a_blank_line_stands_alone():
    f = n.function_def("f", [], [n.pass_()])
    text = to_text(n.module([f, Comment("---- part two"), Blank(), f]))
    assert text == "def f():\n    pass\n\n\n# ---- part two\n\n\ndef f():\n    pass\n"


def test_a_block_of_comments_only_gets_a_pass():
    assert to_text(n.if_(n.name("x"), [Comment("nothing")])) == "if x:\n    # nothing\n    pass"


def test_there_are_never_more_than_two_blank_lines():
    text = to_text(n.module([Blank(), n.import_("a"), Blank(), Blank(), Blank(), n.import_("b")]))
    assert text == "import a\n\n\nimport b\n"


def test_an_empty_module_is_empty():
    assert to_text(n.module([])) == ""


@pytest.mark.parametrize(
    "text",
    [
        'a "quote"',
        'ends in "',
        '""" inside',
        'x"""',
        "back\\slash",
        "two\n\n    lines \n",
        "\r\x0c",
    ],
)
def test_docstrings_keep_their_value(text):
    printed = to_text(n.function_def("f", [], [n.pass_()], docstring=text))
    assert '    """' in printed
    assert all(line == line.rstrip() for line in printed.split("\n"))
    assert ast.get_docstring(ast.parse(printed).body[0], clean=False) == text


# ---- long lines -----------------------------------------------------------------------------

WRAPPED = """\
kl = (
    0.5 * (np.sum(C**2) + mu @ mu)
    - np.sum(np.log(np.diag(C)))
)
total = (
    (E - e * np.sin(E)) / np.cos(E)
)
log_alpha = -logsumexp(
    log_alpha[:, None] + log_A, axis=0
)
log_alpha = np.empty(
    len(log_pi) + len(log_A),
    dtype=float,
    like=log_pi,
)[:, None]
first_value, second_value = (
    third_value,
    fourth_value,
)
d_log_B[data[0], :, None, i + 1] = (
    d_log_alpha
)
d_log_B[
    data[0], :, None, first_index + 1
] = d_log_alpha + 1.0
rows = [
    row + 1
    for row in np.arange(columns, 5)
    if row > first_row
]
table = {
    "first": first_value,
    "second": second_value,
}
message = (
    "a text that is long, but not too"
)
from srcdiff import (
    first_value,
    second_value as second,
)

if (
    first_value > second_value
    and second_value
):
    pass
with (
    first_manager() as first,
    second_manager() as second,
):
    pass
for first_value, second in zip(
    reversed(firsts), reversed(all)
):
    pass


def loss(
    weights, biases, inputs, targets
):
    return (
        value,
        (d_weights, d_biases),
    )
"""


def test_long_lines_are_broken_at_brackets_and_loose_operators():
    assert to_text(gast.parse(WRAPPED), width=38) == WRAPPED


def test_a_line_that_cannot_be_broken_stays_whole():
    assert to_text(n.assign("x" * 30, n.name("y" * 30)), width=20).count("\n") <= 2
    assert to_text(n.name("y" * 30), width=20) == "y" * 30


# ---- constants ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(1.5), "1.5"),
        (np.float64(-1.5), "-1.5"),
        (np.int64(-3), "-3"),
        (np.bool_(True), "True"),
        (np.str_("a"), '"a"'),
        (np.float32(0.1), "np.float32(0.1)"),
        (np.float32("-inf"), "np.float32(-np.inf)"),
        (np.uint8(255), "np.uint8(255)"),
        (np.complex64(0.1 - 2j), "np.complex64(0.1 - 2j)"),
        (-0.0, "-0.0"),
        (float("inf"), "np.inf"),
        (float("-inf"), "-np.inf"),
        (float("nan"), "np.nan"),
        (-2j, "-2j"),
        (complex(0.0, -2.0), "complex(0.0, -2.0)"),
        (1 + 2j, "1.0 + 2j"),
        ((1, -2.0), "(1, -2.0)"),
        (10**20, "100000000000000000000"),
    ],
)
def test_constants_are_written_as_a_person_would(value, text):
    assert to_text(gast.Constant(value, None)) == text
    assert to_text(n.constant(value)) == text


def test_negative_constants_keep_their_sign_in_a_power():
    assert to_text(n.binop(gast.Constant(-2.0, None), "**", n.constant(2))) == "(-2.0) ** 2"
    power = n.binop(gast.Constant(np.float64(-2.0), None), "**", n.constant(2))
    assert to_text(power) == "(-2.0) ** 2"


def test_attributes_of_constants_are_bracketed_after_conversion():
    three = gast.Constant(np.int64(3), None)
    assert to_text(gast.Attribute(three, "real", gast.Load())) == "(3).real"


def _bits(value):
    return type(value), np.array(value).tobytes()


@given(st.one_of(st.floats(allow_nan=False), st.complex_numbers(allow_nan=False)))
def test_numbers_read_back_bit_by_bit(value):
    assert _bits(eval(to_text(n.constant(value)))) == _bits(value)


@given(st.floats(width=32, allow_nan=False))
def test_single_precision_numbers_read_back_bit_by_bit(value):
    number = np.float32(value)
    assert _bits(eval(to_text(n.constant(number)))) == _bits(number)


# ---- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (None, "NoneType"),
        (gast.Suite([]), "Suite"),
        (gast.Print(None, [], True), "Print"),
        (gast.Repr(n.name("x")), "Repr"),
        (gast.TemplateStr([]), "TemplateStr"),
        (gast.FormattedValue(n.name("x"), -1, None), "FormattedValue"),
        (gast.Set([]), "Set"),
        (gast.Constant(object(), None), "object"),
        (gast.Constant(np.longdouble(1), None), "longdouble"),
        (gast.Assign([n.stored("x")], n.name("y"), "int"), "type comment of Assign"),
        (gast.MatchValue(gast.Constant(float("inf"), None)), "pattern"),
        (n.call("f", None), "NoneType"),
        (ast.arguments([], [ast.arg("x")], None, [], [], None, []), "arg"),
    ],
)
def test_what_cannot_be_printed_is_refused_by_name(tree, words):
    with pytest.raises((TypeError, AttributeError), match=words):
        to_text(tree)


# ---- any tree: print, parse, compare --------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "x1", "log_alpha", "d_accumulated_gradient"]).map(n.name)
NUMBERS = st.one_of(
    st.integers(0, 10**6),
    st.floats(0.0, 1e300).filter(lambda x: x > 0),
    st.floats(0.5, 9.0).map(lambda x: complex(0.0, x)),
)
LITERALS = st.one_of(
    NUMBERS, st.text(max_size=8), st.binary(max_size=4), st.sampled_from([None, True, False, ...])
)
LEAVES = st.one_of(NAMES, NAMES, LITERALS.map(n.constant))


def _several(strategy, least=0):
    return st.lists(strategy, min_size=least, max_size=3)


def _operations(e):
    return [
        st.builds(n.binop, e, st.sampled_from(list(n.BINARY)), e),
        st.builds(n.binop, e, st.just("**"), e),
        st.builds(n.unary, st.sampled_from(list(n.UNARY)), e),
        st.builds(lambda op, x: n.boolop(op, *x), st.sampled_from(["and", "or"]), _several(e, 2)),
        st.builds(n.compare, e, st.sampled_from(list(n.COMPARISON)), e, st.just("<"), e),
        st.builds(gast.IfExp, e, e, e),
        e.map(gast.Yield),
        e.map(gast.YieldFrom),
    ]


def _atoms(e):
    elements = st.one_of(e, e.map(n.starred))
    optional = st.one_of(st.none(), e)
    index = st.one_of(e, st.builds(gast.Slice, optional, optional, optional))
    keywords = st.dictionaries(st.sampled_from(["axis", "keepdims"]), e, max_size=2)
    return [
        st.builds(lambda f, x, k: n.call(f, *x, **k), e, _several(elements), keywords),
        st.builds(lambda f, x, k: n.call(f, x, n.double_starred(k)), e, e, e),
        st.builds(n.attribute, e, st.sampled_from(["T", "real"])),
        st.builds(lambda x, i: n.subscript(x, *i), e, _several(index, 1)),
        st.builds(lambda x, i: n.subscript(x, n.tuple_(i)), e, index),
        _several(elements).map(lambda x: n.tuple_(*x)),
        _several(elements).map(lambda x: gast.List(x, gast.Load())),
        _several(elements, 1).map(lambda x: n.set_(*x)),
        _several(st.tuples(optional, e)).map(_dict),
        _several(st.one_of(st.text("{}\\'\"\nab", min_size=1, max_size=4), NAMES), 1).map(_fstring),
    ]


def _dict(pairs):
    return gast.Dict([key for key, _ in pairs], [value for _, value in pairs])


def _fstring(parts):
    """The parser joins neighbouring texts, so no two may follow each other."""
    return n.fstring(*(each for part in parts for each in (part, n.name("x"))))


def _scopes(e):
    params = st.builds(
        lambda default, vararg, only: n.arguments(
            ["x", "y"], defaults=[default], vararg=vararg, keyword_only=[("z", only)], kwarg="k"
        ),
        e,
        st.sampled_from([None, "args"]),
        st.one_of(st.none(), e),
    )
    targets = st.sampled_from([n.name("i"), n.tuple_(n.name("i"), n.name("j"))])
    clauses = st.builds(lambda t, i, c: n.comprehension(t, i, *c), targets, e, _several(e))
    return [
        st.builds(n.lambda_, st.one_of(st.just([]), params), e),
        st.builds(lambda x: gast.NamedExpr(n.stored("x"), x), e),
        st.builds(lambda x, c: n.list_comp(x, *c), e, _several(clauses, 1)),
        st.builds(lambda x, c: n.call("f", n.generator(x, *c)), e, _several(clauses, 1)),
        st.builds(lambda k, v, c: gast.DictComp(k, v, c), e, e, _several(clauses, 1)),
    ]


def _larger(e):
    return st.one_of(*_operations(e), *_atoms(e), *_scopes(e))


TREES = st.recursive(LEAVES, _larger, max_leaves=12)
TARGETS = st.one_of(
    NAMES,
    st.builds(n.subscript, NAMES, TREES),
    st.just(n.tuple_(n.name("a"), n.starred(n.attribute("b.c")))),
    st.just(n.tuple_(n.name("a"))),
)
SIMPLE = st.one_of(
    TREES.map(n.expr_stmt),
    st.builds(n.assign, st.lists(TARGETS, min_size=1, max_size=2), TREES),
    st.builds(n.augassign, NAMES, st.sampled_from(list(n.BINARY)), TREES),
    st.builds(
        lambda x, t, v: gast.AnnAssign(n.stored(x), t, v, 1),
        NAMES,
        TREES,
        st.one_of(st.none(), TREES),
    ),
    st.builds(n.return_, st.one_of(st.none(), TREES)),
    st.builds(n.assert_, TREES, st.one_of(st.none(), TREES)),
    st.builds(n.raise_, TREES, st.one_of(st.none(), TREES)),
    st.builds(n.delete, NAMES, NAMES),
    st.sampled_from([n.pass_(), n.import_("numpy", "np"), n.import_from("math", "exp as e")]),
    st.text("ab \n", max_size=6).map(Comment),
    st.builds(Blank),
)


def _compound(statement):
    body, orelse = _several(statement, 1), _several(statement)
    target = st.one_of(st.none(), NAMES.map(n.stored))
    managers = st.lists(st.builds(gast.withitem, TREES, target), min_size=1, max_size=2)
    return st.one_of(
        st.builds(n.if_, TREES, body, orelse),
        st.builds(n.for_, TARGETS, TREES, body, orelse),
        st.builds(n.while_, TREES, body, orelse),
        st.builds(lambda m, b: gast.With(m, b, None), managers, body),
        st.builds(
            lambda b, d: n.function_def("f", ["x"], b, d),
            body,
            st.one_of(st.none(), st.text("a\"\\ \n'", max_size=6)),
        ),
    )


MODULES = _several(st.recursive(SIMPLE, _compound, max_leaves=6)).map(n.module)
WIDTHS = st.sampled_from([20, 50, 100])


def _bare(body):
    """Statements without comments and blank lines, a `pass` where only those stood."""
    kept = [each for each in body if not isinstance(each, (Comment, Blank))]
    for statement in kept:
        for field in ("body", "orelse"):
            inner = getattr(statement, field, None)
            if isinstance(inner, list) and inner:
                setattr(statement, field, _bare(inner) or [n.pass_()])
    return kept


def _dump(tree):
    return ast.dump(gast.gast_to_ast(tree))


@pytest.mark.long
@settings(max_examples=300)
@given(TREES, WIDTHS)
def test_any_expression_reads_back_as_the_same_tree(tree, width):
    text = to_text(tree, width)
    parsed = gast.parse(text, mode="eval").body
    assert _dump(parsed) == _dump(tree)
    assert to_text(parsed, width) == text


@pytest.mark.long
@settings(max_examples=200)
@given(MODULES, WIDTHS)
def test_any_program_reads_back_as_the_same_tree(tree, width):
    text = to_text(tree, width)
    assert not text or (text.endswith("\n") and not text.endswith("\n\n"))
    assert not text.startswith("\n")
    assert all(line == line.rstrip() for line in text.split("\n"))
    bare = gast.Module(_bare(tree.body), [])
    parsed = gast.parse(text)
    assert _dump(parsed) == _dump(bare)
    assert to_text(parsed, width) == to_text(bare, width)


# ---- size -----------------------------------------------------------------------------------


def test_printing_takes_time_in_proportion_to_length():
    line = "    d_E += d_x * (1.0 - e * np.cos(E[i, :, None])) + d_b * e * np.sin(E, axis=0)\n"
    tree = gast.parse("def f():\n" + line * 1000)
    start = time.perf_counter()
    to_text(tree)
    to_text(tree, width=40)
    assert time.perf_counter() - start < 1.0  # 0.1 s where nothing else runs


def test_sums_may_be_longer_than_the_stack_is_deep():
    total = n.name("x")
    for i in range(5000):
        total = n.binop(total, "+", n.name(f"x{i}"))
    assert to_text(n.assign("y", total)).count("\n") == 5002


def test_calls_may_nest_as_deep_as_python_can_read():
    tree = n.name("x")
    for _ in range(90):
        tree = n.call("f", tree)
    assert _dump(gast.parse(to_text(tree, 20), mode="eval").body) == _dump(tree)
