"""What is known of a function's jumps and names before it is read."""

import textwrap

import gast
import pytest

from srcdiff.frontend.source.flow_analysis import assigned_names, flow_of
from srcdiff.frontend.source.jumps import always_exits, has_break, has_return, may_exit


def function(text):
    return gast.parse(textwrap.dedent(text)).body[0]


def body(text):
    return gast.parse(textwrap.dedent(text)).body


def test_names_in_nested_functions_and_comprehensions_are_not_assigned():
    statements = body("""
        a, (b, *c) = x
        d[0] = 1
        e += 1
        for i in y:
            f = [g for g in z]
        def h():
            k = 1
        if (w := 2): pass
        import numpy as np
    """)
    assert assigned_names(statements) == ["a", "b", "c", "e", "i", "f", "h", "w", "np"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("return 1", True),
        ("x = 1", False),
        ("raise ValueError", False),
        ("if a:\n    return 1\nelse:\n    return 2", True),
        ("if a:\n    return 1", False),
        ("if a:\n    break\nelse:\n    raise ValueError", True),
        ("if a:\n    raise ValueError\nelse:\n    raise ValueError", False),
        ("", False),
    ],
)
def test_blocks_that_never_fall_through(text, expected):
    wrapped = f"while c:\n{textwrap.indent(text or 'pass', '    ')}"
    assert always_exits(body(wrapped)[0].body) is expected


def test_a_break_in_an_inner_loop_leaves_only_that():
    (outer,) = body("""
        for i in x:
            for j in y:
                break
    """)
    assert not has_break(outer) and has_break(outer.body[0]) and not may_exit(outer)


def test_a_return_in_an_inner_loop_leaves_all():
    (outer,) = body("""
        while a:
            for j in y:
                return 1
    """)
    assert has_return(outer) and may_exit(outer)


def test_liveness_after_a_loop_and_at_the_end_of_its_iterations():
    f = function("""
        def f(x):
            s = 0
            t = 0
            for i in x:
                u = i * 2
                s = s + u
                t = u
            return s
    """)
    loop = f.body[2]
    flow = flow_of(f)
    assert flow.after[id(loop)] == {"s"}
    assert flow.iteration[id(loop)] == {"s"}
    assert flow.entry[id(loop)] == {"s"}


def test_a_name_read_in_the_next_iteration_is_wanted_at_the_end_of_one():
    f = function("""
        def f(x):
            last = 0
            for i in x:
                if i > last:
                    last = i
            return 1
    """)
    flow = flow_of(f)
    assert "last" in flow.iteration[id(f.body[1])]
    assert "last" in flow.after[id(f.body[1].body[0])]


def test_what_a_break_wants_is_wanted_at_the_break():
    f = function("""
        def f(x):
            while True:
                y = x
                if x:
                    z = 1
                    break
                z = 2
            return z
    """)
    flow = flow_of(f)
    assert flow.after[id(f.body[0])] == {"z"}
    assert "z" not in flow.entry[id(f.body[0])]


def test_what_nested_functions_read_is_wanted_everywhere():
    f = function("""
        def f(x):
            k = 1
            g = lambda v: v * k
            if x:
                k = 2
            return g(x)
    """)
    assert "k" in flow_of(f).after[id(f.body[2])]


def test_grown_and_written_lists_are_known_by_name():
    f = function("""
        def f(x):
            a = []
            b = [1]
            c = [1]
            a.append(1)
            b[0] = 2
            return c
    """)
    assert flow_of(f).mutated == {"a", "b"}
