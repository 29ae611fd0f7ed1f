"""Finding a function's text: files, `exec` with linecache, lambdas, decorators, methods."""

import functools
import linecache

import numpy as np
import pytest
from frontend.test_trace import both, traced

from srcdiff.errors import SourceNotFoundError
from srcdiff.frontend.source.function_source import source_of
from srcdiff.frontend.source.wrappers import function_of


def run(text, name="<cell>"):
    namespace = {"np": np}
    exec(compile(text, name, "exec"), namespace)
    return namespace


def test_lambdas_on_one_line_are_distinguished():
    f, g, h = (lambda x: x + 1.0), (lambda x: x + 2.0), (lambda x: (lambda y: y * 3.0)(x))
    assert [both(k, 2.0)[1] for k in (f, g, h)] == [3.0, 4.0, 6.0]


def test_lambdas_that_differ_in_nothing_but_their_place():
    pair = [lambda x: x * 2.0, lambda x: x * 2.0]
    columns = [source_of(f).node.col_offset for f in pair]
    assert columns[0] != columns[1]


def test_a_lambda_spread_over_lines():
    f = lambda x: x + 2.0
    assert both(f, 1.0)[1] == 3.0


def test_code_run_by_exec_works_through_linecache():
    text = "def f(x):\n    return x * 3.0\n"
    linecache.cache["<cell 7>"] = (len(text), None, text.splitlines(True), "<cell 7>")
    f = run(text, "<cell 7>")["f"]
    fn = traced(f, 2.0)
    assert fn.location.file == "<cell 7>"
    assert fn.body.body[0].location.line == 2


def test_a_function_without_source_says_what_to_do():
    f = run("def f(x):\n    return x\n", "<nowhere>")["f"]
    with pytest.raises(SourceNotFoundError, match="source of 'f' cannot be found") as caught:
        traced(f, 1.0)
    assert "linecache" in caught.value.advice


def test_a_lambda_without_source_says_what_to_do():
    with pytest.raises(SourceNotFoundError):
        traced(run("f = lambda x: x", "<nowhere>")["f"], 1.0)


@functools.lru_cache
def decorated(x):
    """What it does."""
    return x * 2.0


def test_decorators_that_keep_the_function_are_looked_through():
    assert function_of(decorated).__name__ == "decorated"
    fn = traced(decorated, 1.0)
    assert fn.name == "decorated" and fn.doc == "What it does."


class Model:
    def __init__(self, k):
        self.k = k

    def scaled(self, x):
        return 2.0 * x

    def __call__(self, x):
        return 3.0 * x


def test_bound_methods_need_a_receiver_that_is_known():
    fn = traced(Model(1.0).scaled, 2.0)
    assert [p.name for p in fn.params] == ["x"]


def test_an_indented_function_has_its_columns_in_the_file():
    def inner(x):
        return np.sin(x)

    location = traced(inner, 1.0).body.body[0].location
    assert location.source_line == "        return np.sin(x)"
    assert location.column == 15


def test_columns_count_bytes_as_in_ast():
    def f(α):
        return α + np.sin(α)

    location = traced(f, 1.0).body.body[0].location
    text = location.source_line.encode()[location.column : location.end_column].decode()
    assert text == "np.sin(α)"


def test_a_closure_reads_its_cells_when_it_is_traced():
    k = 2.0
    f = lambda x: x * k
    assert both(f, 3.0)[1] == 6.0
    k = 5.0
    assert both(f, 3.0)[1] == 15.0


def test_a_redefined_function_is_read_anew():
    results = []
    for k in (2, 3):
        text = f"def f(x):\n    return x * {k}.0\n"
        linecache.cache["<again>"] = (len(text), None, text.splitlines(True), "<again>")
        results.append(both(run(text, "<again>")["f"], 1.0)[1])
    assert results == [2.0, 3.0]


def cell(text, name):
    """A function of a cell that is run under a name."""
    lines = text.splitlines(keepends=True)
    linecache.cache[name] = (len(text), None, lines, name)
    namespace = {"np": np}
    exec(compile(text, name, "exec"), namespace)
    return namespace["f"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def f(x):\n    return x * x\n", "def f(x):\n    return x * x * x\n"),
        ("def f(x):\n    return 2.0 * x\n", "def f(x):\n    return 3.0 * x\n"),
        ("def f(x):\n    return np.sum(x)\n", "def f(x):\n    return np.prod(x)\n"),
        ("f = lambda x: 2.0 * x\n", "f = lambda x: 3.0 * x\n"),
    ],
)
def test_a_function_whose_text_has_changed_is_refused(old, new):
    first = cell(old, "<cell of a test>")
    second = cell(new, "<cell of a test>")
    assert source_of(second).lines == tuple(new.splitlines())
    with pytest.raises(SourceNotFoundError, match="has changed since the function was made"):
        source_of(first)


class Doubled:
    """Private names, a closure, a docstring of several lines."""

    __factor = 2.0

    def times(self, x):
        """Twice `x`,

        as often as the argument says.
        """

        def scaled(y):
            return self.__factor * np.sum(y)

        for _ in range(2):
            x = scaled(x) if x is not None else super().__hash__()
        return x


class Point:
    def __init__(self, x):
        self.x = x

    def moved(self, by):
        return Point(self.x + by)


def test_what_was_not_changed_is_read():
    assert source_of(Doubled.times).name == "times"
    assert source_of(Point.moved).name == "moved"
