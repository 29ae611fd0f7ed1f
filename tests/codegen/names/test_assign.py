import numpy as np
import pytest
from codegen.hand_built import builder, index, integer, lines, passes_on, scalar, text, vector
from fuzz.compare import function_of, problems

import srcdiff
from srcdiff.ir.core import For, If
from srcdiff.ir.location import Location
from srcdiff.ir.types import FLOAT
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays import memory, reductions
from srcdiff.ops.elementwise import arithmetic as ar


def test_a_name_serves_again_when_its_value_is_dead():
    x = scalar("x")
    b = builder()
    y = b.op(ar.add, x, const(1.0), name="x", user=True)
    z = b.op(ar.multiply, y, y, name="x", user=True)
    assert lines(text((x,), b, (b.op(ar.multiply, z, z),))) == [
        "x += 1.0",
        "x = x * x",
        "return x * x",
    ]


def test_a_name_that_is_still_needed_is_not_taken():
    x = scalar("x")
    b = builder()
    y = b.op(ar.add, x, const(1.0), name="x", user=True)
    assert lines(text((x,), b, (b.op(ar.multiply, y, b.op(ar.multiply, x, y)),))) == [
        "new_x = x + 1.0",
        "return new_x * (x * new_x)",
    ]


def test_values_that_change_places_are_assigned_together():
    a, c, n, i = scalar("a"), scalar("b"), integer("n"), index()
    inner_a, inner_b, out_a, out_b = (scalar(k) for k in "abab")
    b = builder()
    inner = b.inner()
    total = inner.op(ar.add, inner_a, inner_b, name="b", user=True)
    region = inner.region((i, inner_a, inner_b), (inner_b, total))
    b.append(For(const(0), n, const(1), (a, c), region, (out_a, out_b)))
    assert lines(text((a, c, n), b, (b.op(ar.divide, out_a, out_b),))) == [
        "for _ in range(n):",
        "    a, b = b, a + b",
        "return a / b",
    ]


def test_a_tuple_assignment_of_the_user_s_stays_one():
    a, c = scalar("a"), scalar("b")
    b = builder()
    b.location = Location("f.py", 3, source_line="    a, b = a / b, b / (a + 1.0)")
    new_a = b.op(ar.divide, a, c, name="a", user=True)
    new_b = b.op(ar.divide, c, b.op(ar.add, a, const(1.0)), name="b", user=True)
    b.location = None
    assert lines(text((a, c), b, (b.op(ar.add, new_a, new_b),))) == [
        "a, b = a / b, b / (a + 1.0)",
        "return a + b",
    ]


def test_both_arms_of_a_branch_assign_the_user_s_variable():
    x, y, out = scalar("x"), scalar("y"), scalar("x")
    b = builder()
    then, orelse = b.inner(), b.inner()
    first = then.op(ar.multiply, x, y, name="x", user=True)
    second = orelse.op(ar.subtract, x, y, name="x", user=True)
    b.append(
        If(b.op(ar.greater, x, y), then.region((), (first,)), orelse.region((), (second,)), (out,))
    )
    assert lines(text((x, y), b, (b.op(ar.add, out, y),))) == [
        "if x > y:",
        "    x *= y",
        "else:",
        "    x -= y",
        "return x + y",
    ]


def test_one_arm_may_pass():
    x, out = scalar("x"), scalar("x")
    b = builder()
    b.append(If(b.op(ar.greater, x, const(1.0)), passes_on(const(1.0)), passes_on(x), (out,)))
    assert lines(text((x,), b, (b.op(ar.multiply, out, out),))) == [
        "if x > 1.0:",
        "    x = 1.0",
        "return x * x",
    ]


def test_parts_of_a_division_are_called_so():
    x, y = scalar("x"), scalar("y")
    b = builder()
    b.origin = "adjoint"
    top, bottom = b.op(ar.add, x, y), b.op(ar.multiply, b.op(ar.subtract, x, y), y)
    top = b.op(ar.multiply, top, b.op(ar.add, x, top))
    ratio = b.op(ar.divide, top, bottom)
    source = text(
        (x, y), b, (b.op(ar.add, ratio, b.op(ar.multiply, bottom, b.op(ar.add, top, bottom))),)
    )
    assert "denominator = (x - y) * y" in source
    assert "numerator = " in source


def test_sequences_are_plurals_of_their_elements():
    data, i, s, out = vector("data"), index("t"), scalar("s"), scalar("s")
    b = builder()
    rest = b.op(memory.index, data, const(1), where="b:")
    length = b.op(memory.axis_length, rest, axis=0)
    inner = b.inner()
    y = inner.op(memory.index, rest, i, where="i", name="y", user=True)
    after = inner.op(ar.add, s, inner.op(ar.multiply, y, i), name="s", user=True)
    region = inner.region((i, s), (after,))
    b.append(For(const(0), length, const(1), (const(0.0),), region, (out,), reverse=True))
    source = text((data,), b, (b.op(ar.add, out, b.op(memory.index, rest, const(3), where="i")),))
    assert "ys = data[1:]" in source or "data[1:]" in source
    assert "for t in reversed(range(len(" in source


def test_python_s_and_the_module_s_words_are_not_used():
    a = scalar("a")
    b = builder()
    np_ = b.op(ar.add, a, const(1.0), name="np", user=True)
    class_ = b.op(ar.multiply, np_, np_, name="len", user=True)
    source = text((a,), b, (b.op(ar.multiply, class_, class_),))
    assert " np =" not in source
    assert " len =" not in source
    compile(source, "f", "exec")


def test_invented_names_are_never_used_for_two_things():
    x = Value(FLOAT, "x", True)
    b = builder()
    b.origin = "adjoint"
    first = b.op(ar.power, b.op(ar.add, x, const(1.0)), b.op(ar.add, x, const(2.0)))
    r = b.op(ar.power, first, first)
    second = b.op(ar.power, b.op(ar.add, r, const(1.0)), b.op(ar.add, r, const(2.0)))
    s = b.op(ar.power, second, second)
    assigned = [line.partition(" = ")[0] for line in lines(text((x,), b, (s,))) if " = " in line]
    assert len(assigned) == len(set(assigned))


def test_an_index_that_nobody_named_is_not_called_after_an_amount_of_the_user_s():
    def f(xs, c):
        for x in xs:
            i = np.tanh(x * c)
            c = c * i + x
        return c

    text = srcdiff.grad(f).source_for(np.ones(3), 0.5)
    assert "for t, x in enumerate(xs)" in text and "i = np.tanh(x * c" in text


def test_a_parameter_is_not_called_what_the_text_means_something_else_by():
    x, largest = vector("np"), scalar("max")
    b = builder()
    y = b.op(ar.multiply, b.op(reductions.max, x), largest)
    assert lines(text((x, largest), b, (y,))) == ["return np.max(np_) * max_"]


def test_a_number_of_a_vector_is_an_item_and_no_row():
    text = (
        "def helper(x, k):\n"
        "    out = np.zeros(len(x))\n"
        "    for i in range(len(x)): out[i] = x[i] ** k * (out[i - 1] if i else 1.0)\n"
        "    return out\n\n\n"
        "def f(x):\n"
        "    return np.sum(helper(x, 2) ** 2)\n"
    )
    source = srcdiff.grad(function_of("import numpy as np\n\n\n" + text)).source_for(np.ones(3))
    assert "for i, x_item in enumerate(x):" in source


@pytest.mark.parametrize("taken", ["i0", "i1", "iv", "expit", "scipy"])
def test_a_variable_may_have_the_name_of_a_library_function(taken):
    """The module is imported as a whole beside those of its functions that have short names."""
    f = function_of(
        "import numpy as np\nimport scipy.special as sp\n\n\ndef f(x):\n"
        f"    {taken} = np.sin(x)\n    return np.sum(sp.i1({taken}) + sp.expit(x) * {taken})\n"
    )
    assert not [*problems(f, (np.array([0.3, -0.7]),))]
