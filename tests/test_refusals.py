"""Refusals after the frontend: by calls, rules, other programs than derivatives, and values that the run finds."""

# ruff: noqa: E501

import dataclasses

import numpy as np
import pytest
from scipy import optimize

import srcdiff
from srcdiff import vi
from srcdiff.errors import DifferentiationError, RuleError, UnsupportedError
from srcdiff.vi import dist


def writes(x, y):
    x[0] = 2.0 * y[1]
    return np.sum(x * y)


def test_arguments_that_overlap_where_one_is_written():
    x = np.ones(4)
    with pytest.raises(
        UnsupportedError, match="'x' and 'y' of writes overlap in memory, and it writes"
    ) as caught:
        srcdiff.grad(writes)(x[:3], x[1:])
    assert caught.value.source_line == "def writes(x, y):"
    srcdiff.grad(writes)(x[:3].copy(), x[1:])  # as the advice says


def set_first(v):
    d = np.diagonal(v)
    d[0] = 1.0
    return np.sum(d)


def twice(v, k):
    return k * set_first(v * 2.0)


def three_deep(x):
    total = 0.0
    for k in range(3):
        total += twice(x, k)
    return total


@pytest.mark.parametrize("derive", [srcdiff.grad, lambda f: lambda x: srcdiff.jvp(f, (x,), (x,))])
def test_what_a_pass_refuses_in_a_helper_shows_the_calls_that_led_there(derive):
    with pytest.raises(UnsupportedError, match="which NumPy makes read-only") as caught:
        derive(three_deep)(np.eye(3))
    lines = [place.source_line.strip() for place in (*caught.value.chain, caught.value.location)]
    assert lines == ["total += twice(x, k)", "return k * set_first(v * 2.0)", "d[0] = 1.0"]


class Thing:
    def __init__(self):
        self.a = 2.0


def of_thing(t):
    return t.a**2


def composed(x, n):
    steps = []
    for k in range(n):
        steps.append((lambda v, k=k: v * k) if k % 2 else np.sin)
    for step in steps:
        x = step(x)
    return x


def test_dynamic_programs_are_reported_and_not_saved(tmp_path):
    with pytest.warns(srcdiff.DynamicWarning, match="is an object of Thing, whose attributes have"):
        assert srcdiff.grad(of_thing)(Thing()).a == 4.0
    g = srcdiff.grad(composed)
    with pytest.warns(srcdiff.DynamicWarning):
        g(2.0, 3)
    with pytest.raises(DifferentiationError, match="is dynamic, and needs srcdiff where it runs"):
        g.save(tmp_path / "g.py")
    g.save(tmp_path / "g.py", allow_srcdiff=True)


class Unread:
    def __init__(self, v):
        self.v = v

    def __getattr__(self, name):
        return self.v


def of_unread(v):
    return Unread(v).w


def met_by_the_run(x):
    squares = {k: x * k for k in (1, 2)}
    return squares.popitem()[1] * of_unread(x)


def test_what_a_run_meets_is_reported_with_its_line():
    with pytest.warns(srcdiff.DynamicWarning):  # noqa: SIM117
        with pytest.raises(UnsupportedError, match="Unread has a __getattr__ of its own") as caught:
            srcdiff.grad(met_by_the_run)(2.0)
    message = str(caught.value)
    assert " in of_unread: Unread has" in message and "Unread" in caught.value.source_line
    assert "in met_by_the_run" in message.partition("called at")[2]


def test_a_complex_derivative_by_a_real_number():
    g = srcdiff.holomorphic_grad(lambda z: z * z)
    with pytest.raises(UnsupportedError, match="a complex derivative needs a complex argument"):
        g(1.0)
    assert g(1.0 + 0j) == 2.0


class Odd:
    __signature__ = 3

    def __call__(self, x):
        return x * x


def test_parameters_that_cannot_be_found():
    odd = Odd()
    with pytest.raises(UnsupportedError, match="the parameters of Odd cannot be found"):
        srcdiff.grad(odd)(2.0)
    assert srcdiff.grad(lambda x: odd(x))(2.0) == 4.0


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: optimize.brentq(lambda y: (y, "a"), 0.0, 9.0) * x, "that `brentq` is given returns neither a number nor an array"),
        (lambda x: optimize.root(lambda y: (y - x, None), 1.0).x[0], "that `root` is given returns neither a number nor an array"),
        (lambda x: optimize.newton(lambda y: y * y - x, 1.0, fprime=lambda y: (y, "a")), "`fprime` returns neither a number nor an array"),
    ],
)  # fmt: skip
def test_functions_for_solvers_that_return_no_array(f, message):
    with pytest.raises(UnsupportedError, match=message) as caught:
        srcdiff.grad(f)(2.0)
    assert caught.value.file == __file__ and "a list of numbers" in caught.value.advice


# ---- rules ---------------------------------------------------------------------------------------------------------


def applied(x, A):
    return A @ x


@srcdiff.rule(applied, result=lambda x, A: x)
def applied_rule(x, A, *, out, d_out):
    d_x = A.T @ d_out  # noqa: F841


def uses_applied(x):
    return np.sum(applied(x, np.eye(2)))


def test_a_rule_for_reverse_mode_has_no_tangents():
    x = np.ones(2)
    np.testing.assert_allclose(srcdiff.grad(uses_applied)(x), 1.0)
    with pytest.raises(UnsupportedError, match="applied has no forward-mode derivative") as caught:
        srcdiff.jvp(uses_applied, (x,), (x,))
    assert "applied(x, np.eye(2))" in caught.value.source_line
    assert "forward=" in caught.value.advice


def test_a_rule_with_a_keyword_of_its_own():
    with pytest.raises(RuleError, match="has the keyword `d_res`; those are `out` and `d_out`"):

        @srcdiff.rule(of_thing)
        def of_thing_rule(t, *, out, d_res):
            d_t = d_res  # noqa: F841


def two_results(x):
    return x * 2.0, x * 3.0


@srcdiff.rule(two_results, result=lambda x: x)
def two_results_rule(x, *, out, d_out):
    d_x = d_out  # noqa: F841


def test_a_rule_for_fewer_results_than_there_are():
    with pytest.raises(
        RuleError,
        match="the rule of `two_results`: the function returns 2 values, its declaration 1",
    ):
        srcdiff.check_rule(two_results, np.ones(2))


# ---- semirings and scans -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "message", "line"),
    [
        (lambda t: np.sum(np.exp(t)), "an exponential whose logarithm is not taken", "np.sum(np.exp(t))"),
    ],
)  # fmt: skip
def test_what_the_best_terms_are_not_known_of(f, message, line):
    with pytest.raises(UnsupportedError, match="semiring: ") as caught:
        srcdiff.transform(f, "semiring", semiring="kbest", k=2)(np.ones((2, 2)))
    assert message in caught.value.message and line in caught.value.source_line


def nonlinear(x, c):
    for k in range(len(x)):
        c = np.sin(c) + x[k]
    return np.sum(c)


def adds_nothing_up(x, c):
    for k in range(len(x)):
        c = c + x[k]
    return np.sum(c)


def test_loops_whose_iterations_are_not_joined():
    for f in (nonlinear, adds_nothing_up):
        with pytest.raises(UnsupportedError) as caught:
            srcdiff.transform(f, "scan")(np.ones((3, 2)), np.ones(2))
        assert "scan: it is not shown that iterations can be combined:" in caught.value.message
    assert "an iteration adds nothing up" in caught.value.message


# ---- what the frontend reaches through a parameter -----------------------------------------------------------------


@dataclasses.dataclass
class Pair:
    a: float
    b: float


def item_of_pair(p):
    p[0] = 2.0
    return p.a


def test_a_dataclass_has_no_items():
    with pytest.raises(UnsupportedError, match="a Pair has no items to assign to") as caught:
        srcdiff.grad(item_of_pair)(Pair(1.0, 2.0))
    assert (caught.value.source_line.strip(), caught.value.advice) == (
        "p[0] = 2.0",
        "Set an attribute.",
    )


def test_a_rewriting_that_is_no_function():
    with pytest.raises(RuleError, match="rewriting 'no function' cannot be read: 3 is not"):
        srcdiff.rewriting("no function", 3, lambda x: x, samples=[(1.0,)])


def by_loop(x):
    mu = vi.sample("mu", dist.Normal(0.0, 1.0))
    for k in range(len(x)):
        z = vi.sample("z", dist.Normal(mu, 1.0))
        vi.sample("x", dist.Normal(z, 1.0), obs=x[k])


def by_rows(x, rows):
    mu = vi.sample("mu", dist.Normal(0.0, 1.0))
    for k in vi.plate("data", len(x), subsample=rows):
        vi.sample("x", dist.Normal(mu, 1.0), obs=x[k])


def test_values_of_a_model_that_do_not_fit_its_loops():
    with pytest.raises(
        UnsupportedError, match=r"without an axis for each loop around it"
    ) as caught:
        vi.log_joint(by_loop, jit=False)({"mu": 1.0, "z": 2.0}, np.ones(3))
    assert 'vi.sample("z"' in caught.value.source_line
    with pytest.raises(UnsupportedError, match="subsample= of the plate 'data' is no array"):
        vi.log_joint(by_rows, jit=False)({"mu": 1.0}, np.ones(3), 2)


def guide_that_observes(x):
    vi.sample("mu", dist.Normal(vi.param("m", 0.0), 1.0), obs=1.0)


def small(x):
    mu = vi.sample("mu", dist.Normal(0.0, 1.0))
    vi.sample("x", dist.Normal(mu, 1.0), obs=x)


def test_a_guide_that_observes():
    with pytest.raises(UnsupportedError, match="the guide's site 'mu' is observed"):
        vi.fit(
            small, guide_that_observes, 1.0, steps=1, rng=np.random.default_rng(0), progress=False
        )
