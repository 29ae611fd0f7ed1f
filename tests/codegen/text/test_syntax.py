"""The builders: what callers may rely on besides what the printing tests already show."""

import copy

import gast
import pytest

from srcdiff.codegen.text import syntax as n
from srcdiff.codegen.text.printer import to_text


def test_targets_are_stored_copies_so_that_callers_may_use_the_node_again():
    x = n.subscript(n.name("x"), n.name("i"))
    pair = n.tuple_(x, n.starred(n.name("y")))
    statement = n.assign(pair, pair)
    (target,) = statement.targets
    assert [type(node.ctx) for node in (target, *target.elts)] == [gast.Store] * 3
    assert [type(node.ctx) for node in (pair, *pair.elts, x.value)] == [gast.Load] * 4
    assert to_text(statement) == "x[i], *y = x[i], *y"


@pytest.mark.parametrize(
    "value", [n.call("f"), n.constant(1), n.binop(n.name("a"), "+", n.name("b"))]
)
def test_only_targets_are_assigned_to(value):
    with pytest.raises(TypeError, match=type(value).__name__):
        n.assign(value, n.name("x"))


def test_functions_are_given_as_text_or_as_nodes():
    assert to_text(n.call("np.linalg.solve", n.name("A"))) == "np.linalg.solve(A)"
    assert (
        to_text(n.call(n.attribute(n.name("x"), "T", "sum"), axis=n.constant(0)))
        == "x.T.sum(axis=0)"
    )
    assert to_text(n.call("f", n.double_starred(n.name("options")), func=n.name("g"))) == (
        "f(func=g, **options)"
    )


def test_several_indices_make_one_tuple():
    x, i = n.name("x"), gast.Slice(None, n.constant(2), None)
    assert to_text(n.subscript(x, i, n.constant(None))) == "x[:2, None]"
    assert to_text(n.subscript(x, n.tuple_(i))) == "x[:2,]"


def test_parameters_have_defaults_and_keyword_only_ones():
    params = n.arguments(
        ["x", n.param("n", n.name("int"))],
        defaults=[n.constant(3)],
        keyword_only=[("axis", None), ("scale", n.constant(1.0))],
        kwarg="options",
    )
    text = to_text(n.function_def("f", params, [n.return_()]))
    assert text == "def f(x, n: int = 3, *, axis, scale=1.0, **options):\n    return"


def test_simple_statements_print_as_named():
    x = n.name("x")
    assert to_text(n.assign(["a", "b"], x)) == "a = b = x"
    assert to_text(n.import_from("math", "exp", "log as ln")) == "from math import exp, log as ln"
    assert to_text(n.expr_stmt(n.fstring("x = ", x))) == 'f"x = {x}"'


def test_own_nodes_are_statements_that_can_be_copied():
    block = [n.Comment("forward"), n.Blank()]
    twin = copy.deepcopy(block)
    assert twin[0].text == "forward"
    assert all(isinstance(statement, gast.stmt) for statement in twin)
