"""Outer loop vectorisation: iterations of an outer loop are lanes, where inner loops cannot be vectorised."""

import numpy as np
import pytest
from loop_forms import as_python, loop_form
from transforms.hard_programs import V
from transforms.passes import changed, program, unchanged
from transforms.sources import loops_agree, source

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.schedule.vectorize.outer_loop import lanes

POWERS = """
def f(%x: float64[n], %c: float64[m]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %m: int64{{m}} = length[dim=dim(m)]
  %total: float64! = for {range} with 0.0 {{
    (%i: int64{{i}}, %total.1: float64!) ->
    %t: float64! = index[where='i'] %x, %i
    %value: float64!, %power: float64! = for 0, {inner}, 1 with 0.0, 1.0 {{
      (%j: int64{{j}}, %value.1: float64!, %power.1: float64!) ->
      %a: float64! = index[where='i'] %c, %j
      %0: float64! = multiply %a, %power.1
      %value.2: float64! = add %value.1, %0
      %power.2: float64! = multiply %power.1, {factor}
      yield %value.2, %power.2
    }}
    %total.2: float64! = {combine}
    yield %total.2
  }}
  yield %total
}}
"""
PLAIN = {
    "range": "0, %n, 1",
    "inner": "%m",
    "factor": "%t",
    "combine": "add %total.1, %value",
}
BLOCKS = """
  %total: float64! = for 0, %1, 1 with 0.0 {
    (%block': int64{block}, %total.1: float64!) ->
    %first: int64{256*block} = multiply 256, %block ;compiler
    %2: int64{-256*block+n} = subtract %n, %first ;compiler
    %lanes: int64{i1} = minimum@min 256, %2 ;compiler
    %values: float64[256] = empty[dtype='float64'] 256 ;compiler
    %powers: float64[256] = empty[dtype='float64'] 256 ;compiler
    for 0, %lanes, 1 ;compiler {
      (%lane': int64{lane}) ->
      store[where='i'] %values, 0.0, %lane ;compiler
      store[where='i'] %powers, 1.0, %lane ;compiler
      yield
    }
    for 0, %m, 1 {
      (%j: int64{j}) ->
      %a: float64! = index[where='i'] %c, %j
      for 0, %lanes, 1 ;compiler {
        (%lane.1': int64{lane1}) ->
        %power: float64! = index[where='i'] %powers, %lane.1 ;compiler
        %value: float64! = index[where='i'] %values, %lane.1 ;compiler
        %i: int64{i} = add %first, %lane.1 ;compiler
        %t: float64! = index[where='i'] %x, %i
        %3: float64! = multiply %a, %power
        %value.1: float64! = add %value, %3
        %power.1: float64! = multiply %power, %t
        store[where='i'] %values, %value.1, %lane.1 ;compiler
        store[where='i'] %powers, %power.1, %lane.1 ;compiler
        yield
      }
      yield
    }
    %total.2: float64! = for 0, %lanes, 1 with %total.1 ;compiler {
      (%lane.2': int64{lane2}, %total.3: float64!) ->
      %value.2: float64! = index[where='i'] %values, %lane.2 ;compiler
      %total.4: float64! = add %total.3, %value.2
      yield %total.4
    }
    yield %total.2
  }
"""


def side_by_side(fn):
    return lanes(fn, {})


def powers(**given):
    return POWERS.format(**(PLAIN | given))


def test_iterations_of_the_outer_loop_are_side_by_side():
    new = changed(side_by_side, program(powers()), V(5), V(3))
    assert BLOCKS in to_text(new)


@pytest.mark.parametrize(
    "other",
    [
        {"combine": "multiply %total.1, %value"},  # an iteration waits for the one before
        {"inner": "%i"},  # inner loops of different lengths
        {"factor": "2.0", "range": "0, 4, 1"},  # too few
        {"range": "0, %n, 2"},
        {"range": "0, %n, 1 reverse"},
    ],
)
def test_other_loops_stay(other):
    unchanged(side_by_side, powers(**other), V(5), V(5))


def test_loops_that_are_vectorised_as_they_are_stay():
    rows = """
    def f(W, x):
        total = 0.0
        for i in range(len(W)):
            s = 0.0
            for j in range(len(x)):
                s += W[i, j] * x[j]
            total += s * s
        return total
    """
    assert "lane" not in srcdiff.grad(source(rows)).loop_source_for(V(240).reshape(20, 12), V(12))


PROGRAMS = [
    """
    def f(c, x):
        total = 0.0
        for i in range(len(x)):
            value, power = 0.0, 1.0
            for j in range(len(c)):
                value += c[j] * power
                power *= x[i]
            total += np.sin(value)
        return total
    """,
    """
    def f(c, x):  # elements that each iteration stores and reads at its own place
        y = np.zeros(len(x))
        for i in range(len(x)):
            power = x[i]
            for j in range(len(c)):
                y[i] += c[j] * power
                power = np.sin(power) * x[i]
            y[i] *= x[i]
        return np.sum(y**2)
    """,
    """
    def f(c, x):  # numbers that are swapped in each iteration
        total = 0.0
        for i in range(len(x)):
            a, b = x[i], 1.0
            for j in range(len(c)):
                a, b = b, a * c[j] + b
            total += a * b
        return total
    """,
    """
    def f(c, x):  # loops in loops, and branches that all iterations take, or some
        total, count = 0.0, 0
        for i in range(len(x)):
            a = x[i]
            for j in range(len(c)):
                if j % 2 == 0:
                    for k in range(j):
                        a = np.tanh(a + c[k] * x[i])
                if a > 0.0:
                    total += a * c[j]
                    count += 1
            total += a
        return total / (1 + count)
    """,
    """
    def f(c, x):  # storage that is private to an iteration
        total = 0.0
        row = np.empty(len(c))
        for i in range(1, len(x)):
            power = x[i]
            for j in range(len(c)):
                row[j] = power
                power *= x[i] + c[j]
            top = -np.inf
            for j in range(len(c)):
                top = max(top, row[j] * c[len(c) - 1 - j])
            total += top * x[i - 1]
        return total
    """,
    """
    def f(c, x):  # rows of a table
        A = np.outer(x, c)
        total = 0.0
        for p in range(len(x)):
            power = 1.0
            for i in range(len(c)):
                for j in range(i):
                    power *= 1.0 + 0.1 * A[p, j] * c[i]
                power += A[p, i]
            total += power
        return total
    """,
    """
    def f(c, x):  # the last column first
        A = np.outer(c, x)
        total = 0.0
        for j in range(len(x)):
            power = 1.0
            for i in range(len(c) - 1, -1, -1):
                power *= A[i, j] + x[j]
            total += power
        return total
    """,
]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("text", PROGRAMS)
def test_blocks_of_all_lengths_agree(text, count, monkeypatch):
    monkeypatch.setattr("srcdiff.transforms.schedule.vectorize.cost._MOST", 4)
    monkeypatch.setattr("srcdiff.transforms.schedule.vectorize.cost._FEW", 0)
    loops_agree(text, V(3), V(count))


@pytest.mark.parametrize("text", PROGRAMS)
def test_programs_are_made_of_blocks(text):
    assert "for lane in" in srcdiff.grad(source(text)).loop_source_for(V(9), V(40))


TABLE = """
    def f(c, x):
        total = 0.0
        for p in range(len(x)):
            value = 1.0
            for i in range(len(c)):
                value *= 1.0 + c[i] * x[p, i]
            total += value
        return total
"""


def test_rows_of_a_table_are_copied_so_that_they_lie_side_by_side():
    text = srcdiff.grad(source(TABLE)).loop_source_for(V(5), V(500).reshape(100, 5))
    assert "x_block[i, lane] = x[first + lane, i]" in text
    loops_agree(TABLE, V(5), V(500).reshape(100, 5))


def test_rows_behind_a_table_are_not_copied():
    """Where the inner loop has no iteration, no check has compared the number of rows of the table."""

    def counted(c, x, n):
        total = 0.0
        for p in range(n):
            value = 1.0
            for i in range(len(c)):
                value *= 1.0 + c[i] * x[p, i]
            total += value
        return total

    g = srcdiff.value_and_grad(counted)
    run = as_python(loop_form(g, (V(5), V(500).reshape(100, 5), 100)))
    assert "x_block" in g.loop_source_for(V(5), V(500).reshape(100, 5), 100)
    value, (found) = run(V(5)[:0], V(10).reshape(2, 5), 300)
    assert value == 300.0
    assert found.shape == (0,)


def test_without_fastmath_sums_are_added_up_in_their_order():
    text = srcdiff.grad(source(TABLE), fastmath=False).loop_source_for(V(5), V(500).reshape(100, 5))
    assert "lane" not in text


def test_errors_come_before_anything_else():
    """The first error of the program is the first error of its blocks."""
    text = """
    def f(c, at):
        total = 0.0
        for i in range(len(at)):
            power = c[at[i]]
            for j in range(len(c)):
                power *= c[j] + 1.0
            total += power
        return total
    """
    g = srcdiff.grad(source(text), jit=True)
    at = np.zeros(300, dtype=np.int64)
    expected = g(V(3), at)
    np.testing.assert_allclose(
        srcdiff.grad(source(text), jit=False)(V(3), at), expected, rtol=1e-12
    )
    at[280] = 7
    with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 3"):
        g(V(3), at)


def test_other_calls_may_have_more_iterations_than_the_first():
    def columns(w):
        total = 0.0
        for j in range(w.shape[1]):
            s = 0.0
            for i in range(len(w)):
                s += np.exp(w[i, j])
            total += np.log(s)
        return total

    texts = [srcdiff.grad(columns).loop_source_for(np.ones((n, n))) for n in (5, 50)]
    assert "lane" in texts[0] and texts[0] == texts[1]


AGAIN = """
def f(x, c, n):
    total = 0.0
    for i in range(n):
        t = i / n
        value = 0.0
        power = 1.0
        for j in range(len(x)):
            value += {term}
            power {step}
        total += np.sin(value)
    return total
"""


@pytest.mark.parametrize(
    ("term", "step", "is_kept"),
    [
        ("x[j] * power", "*= t", False),
        ("x[j] * power", "= power * t + c[j]", False),
        ("x[j] * power * t", "*= t", False),
        ("x[j] * power", "= power * t + c[j + 1]", False),
        ("x[j] * power", "*= np.exp(-t)", True),
        ("x[j] * power", "= t * value", True),
    ],
)
def test_cheap_recurrences_are_run_again(term, step, is_kept):
    text = AGAIN.format(term=term, step=step)
    args = np.linspace(-1.0, 1.0, 12), np.linspace(0.0, 2.0, 13), 300
    found = srcdiff.value_and_grad(source(text)).loop_source_for(*args)
    assert "lane" in found and ("np.empty((len(x), " in found) == is_kept
    loops_agree(text, *args)


HORNER = """
def f(x, c, n):
    total = 0.0
    for i in range(n):
        t = i / n
        value = c[0]
        power = {start}
        for j in range(len(x)):
            value {add} {term}
            power *= t
        total += {behind}
    return total
"""


@pytest.mark.parametrize(
    ("start", "add", "term", "behind", "is_horner"),
    [
        ("1.0", "+=", "x[j] * power", "np.sin(value)", True),
        ("c[1]", "-=", "(x[j] + c[j]) * power", "np.sin(value) * t", True),
        ("t", "-=", "power * x[j] * c[j + 1]", "value**2", False),  # differs by iteration
        ("1.0", "+=", "x[j] * power", "np.sin(value) * power", False),
        ("1.0", "+=", "x[j] * power + value * power", "np.sin(value)", False),
        ("1.0", "+=", "x[j] * (1.0 + 2.0j) * power", "np.abs(value) ** 2", False),
        ("1.0", "+=", "x[j] * (1.0 + 2.0j) * t**j", "np.abs(value) ** 2", False),
        ("1.0", "+=", "power * power", "np.sin(value) * x[0]", False),
    ],
)
def test_running_products_that_are_added_up_are_horners_rule(start, add, term, behind, is_horner):
    text = HORNER.format(start=start, add=add, term=term, behind=behind)
    text = text.replace("c[0]", "c[0] + 0.0j") if "2.0j" in term else text
    args = np.linspace(-1.0, 1.0, 12), np.linspace(0.5, 2.0, 13), 300
    found = srcdiff.value_and_grad(source(text)).loop_source_for(*args)
    assert ("lane" in found) == ("2.0j" not in term)  # complex numbers have no lanes
    assert ("len(x) - 1 - j" in found) == is_horner
    loops_agree(text, *args)
    loops_agree(text, args[0], args[1], 3)


def test_products_with_what_no_iteration_changes_are_carried():
    text = HORNER.format(start="c[1]", add="+=", term="x[j] * power", behind="np.sin(value)")
    args = np.linspace(-1.0, 1.0, 12), np.linspace(0.5, 2.0, 13), 300
    found = srcdiff.grad(source(text)).loop_source_for(*args)
    assert "powers[lane] = cos(new_value) * power" in found or "powers[lane] = cos(value" in found
    assert found.count("+= powers[lane]\n") == 2  # in blocks of four, and the rest


@pytest.mark.parametrize(("length", "lanes"), [(3, 256), (300, 64)])
def test_what_lanes_have_of_their_own_stays_in_the_cache(length, lanes):
    text = AGAIN.format(term="x[j] * power", step="*= np.exp(-t)")
    found = srcdiff.grad(source(text)).loop_source_for(V(length), V(length), 1000)
    assert f"min({lanes}, n - first)" in found


@pytest.mark.parametrize(("step", "is_kept"), [("*= np.exp(-t)", True), ("*= t", False)])
def test_iterations_with_long_arrays_of_their_own_stay(step, is_kept):
    text = AGAIN.format(term="x[j] * power", step=step)
    found = srcdiff.grad(source(text)).loop_source_for(V(100_000), V(3), 100)
    assert ("lane" in found) != is_kept


MIXTURE = """
def f(x, mu, Q):
    scaled = np.einsum("kij,nkj->nki", Q, x[:, None, :] - mu)
    beta = -0.5 * np.sum(scaled**2, axis=2)
    return np.sum(np.log(np.sum(np.exp(beta), axis=1)))
"""


def test_storage_that_is_private_to_iterations_is_in_one_block():
    """Loops without inner loops are allowed; matrices that iterations add up are sums over lanes."""
    rng = np.random.default_rng(1)
    args = rng.normal(size=(300, 5)), rng.normal(size=(6, 5)), rng.normal(size=(6, 5, 5))
    text = srcdiff.value_and_grad(source(MIXTURE), argnums=(1, 2)).loop_source_for(*args)
    assert text.count("for block in") == 1
    assert "for i in range(len(x))" not in text and "np.empty((len(x), " not in text
    loops_agree(MIXTURE, *args, argnums=(0, 1, 2))


ROWS_OF_SUMS = """
def f(x, W):
    total = 0.0
    for n in range(len(x)):
        for i in range(len(W)):
            s = np.sin(x[n, i])
            for j in range(W.shape[1]):
                total += s * W[i, j] ** 2
    return total
"""


@pytest.mark.parametrize(("rows", "is_block"), [(4, True), (20, True), (50, False), (100, True)])
def test_matrices_that_iterations_add_up(rows, is_block):
    """An array that fits into the first-level cache is as fast with additions to long rows."""
    args = V(300 * rows).reshape(300, rows), V(rows * rows).reshape(rows, rows)
    fn = loop_form(srcdiff.grad(source(ROWS_OF_SUMS), argnums=1), args)
    assert ("block" in to_text(fn)) == is_block
    loops_agree(ROWS_OF_SUMS, args[0][:, :4], args[1][:4, :4], argnums=1)


SHORT_ROWS = """
def f(W):
    return np.sum(np.sqrt(np.sum(W**2, axis=1)))
"""


def test_longer_rows_than_those_that_were_taken_for_short_have_a_program_of_their_own():
    g = srcdiff.grad(source(SHORT_ROWS))
    assert "lane" in g.loop_source_for(np.ones((300, 5)))
    assert "lane" in g.loop_source_for(np.ones((3000, 15)))
    assert "lane" not in g.loop_source_for(np.ones((300, 16)))
    assert "lane" not in g.loop_source_for(np.ones((300, 5)))


def test_calls_with_longer_rows_find_their_program():
    pytest.importorskip("numba")
    g = srcdiff.grad(source(SHORT_ROWS), jit=True)
    for n, count in ((5, "1 s"), (6, "1 s"), (40, "2 s"), (40, "2 s"), (5, "2 s")):
        np.testing.assert_allclose(g(np.ones((30, n))), n**-0.5)
        assert count in repr(g)
        if n == 5 and count == "1 s":
            assert "W1 < 16" in str(srcdiff.explain(g, np.ones((30, n))))


KEPT = """
def f(x, c, n):
    total = 0.0
    for i in range(n):
        kept = np.empty(len(x))
        power = i / n
        t = power
        for j in range(len(x)):
            kept[j] = power
            power = power * t + c[j + 1]
        for k in range(len(x)):
            total += x[k] * kept[k] * power
    return total
"""


def test_a_recurrence_that_is_run_again_counts_with_its_loop():
    args = np.linspace(-1.0, 1.0, 12), np.linspace(0.0, 2.0, 13), 300
    text = to_text(loop_form(srcdiff.grad(source(KEPT)), args))
    assert "kept" not in text
    assert "{k+1} = add %k, 1" in text and "{j+1} = add %k" not in text
    loops_agree(KEPT, *args)


DIRECTIONS = {
    "yields of a branch": """
        def f(x, w, flipped):
            y = np.empty(len(x))
            h = 0.1
            for i in range(len(x)):
                h = np.tanh(h + x[i] * w[i])
                y[i] = h
            if flipped:
                y = y * w
            return y * y
    """,
    "what is zero on one way, and the same for all directions": """
        def turned(x):
            if x[0] < 0.2:
                return np.zeros(3)
            a = x[:3] / x[0]
            b, c, d = a
            return np.array([b * c, c * d, d * b + c])

        def f(x, w, flipped):
            y = np.outer(x, turned(x))
            h = 0.1
            for i in range(len(x)):
                h = np.tanh(h + y[i, 2])
                y[i, 1] = h * w[i]
            return y @ turned(x[1:])
    """,
    "rows that are made in a branch": """
        def f(x, w, flipped):
            y = np.zeros((3, 3, 3))
            for k in range(3):
                if w[k] < w[1]:
                    y[k] = np.outer(x[:3], w[:3])
                else:
                    y[k] = y[k - 1] @ np.outer(x[1:4], x[:3])
            return y.ravel()
    """,
    "parts whose lengths are compared": """
        def f(x, w, flipped):
            y = np.zeros((5, 3))
            at = 0
            for k in range(3):
                y[k, :2] = x[at : at + 2]
                y[k + 1, 2] = x[at + 1] * w[k]
                at += 2
            h = 0.1
            for k in range(5):
                h = np.tanh(h * y[k, 0] + y[k, 1])
                y[k, 2] += h
            return y.ravel()
    """,
    "parts of a part of the direction": """
        def filled(x, w):
            y = np.zeros((5, 3))
            at = 0
            for k in range(3):
                y[k, :2] = x[at : at + 2]
                y[k + 1, 2] = x[at + 1] * w[k]
                at += 2
            return y

        def f(x, w, flipped):
            y = filled(x[2:], w) + x[:1]
            h = 0.1
            for k in range(5):
                h = np.tanh(h * y[k, 0] + y[k, 1])
                y[k, 2] += h
            return y.ravel()
    """,
    "a name that only the inner loop binds": """
        def f(x, w, flipped):
            h = 0.1
            for k in range(1, len(x)):
                last = x[k - 1] * x[k]
                h = np.tanh(h + last * w[k])
            return x * h + last
    """,
}


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("first", [0.1, 0.4])
@pytest.mark.parametrize("text", DIRECTIONS.values(), ids=DIRECTIONS)
def test_directions_of_a_jacobian_are_side_by_side(text, first, flipped, monkeypatch):
    monkeypatch.setattr("srcdiff.transforms.schedule.vectorize.cost._MOST", 4)
    x, w = V(9), np.linspace(0.3, 1.1, 9)
    x[0] = first
    g = srcdiff.jacobian(source(text), mode="forward")
    want = srcdiff.jacobian(source(text), mode="reverse", jit=False)(x, w, flipped)
    assert "for lane in" in g.loop_source_for(x, w, flipped)
    run = as_python(loop_form(g, (x, w, flipped)))
    np.testing.assert_allclose(run(x, w, flipped), want, rtol=1e-12, atol=1e-14)


BESIDE = """
    def first_big(v, s):
        for e in v:
            s = 0.9 * s + 0.3 * e
            if e > 0.5:
                return s * e
        return s

    def f(x, w, flipped):
        y = x * w[0]
        if w[0] > 0.0:
            y[3] *= first_big(w, np.mean(y))
        h = 0.1
        for i in range(len(x)):
            h = np.tanh(h + y[i])
            y[i] = h
        return y
"""


def test_numbers_of_a_branch_that_are_the_same_for_all_come_when_it_is_over():
    """The test whether a loop has reached its `return` stands after the branch, which lanes run one by one."""
    x, w = V(9), np.linspace(0.3, 1.1, 9)
    run = as_python(loop_form(srcdiff.jacobian(source(BESIDE), mode="forward"), (x, w, True)))
    want = srcdiff.jacobian(source(BESIDE), mode="reverse", jit=False)(x, w, True)
    np.testing.assert_allclose(run(x, w, True), want, rtol=1e-12, atol=1e-14)
