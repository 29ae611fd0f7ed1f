"""Load insertion: contents of storage become values, and written arguments are copied."""

import numpy as np
import pytest
from transforms.hard_programs import V
from transforms.passes import changed, check, program, unchanged
from transforms.sources import after, agrees, refusal

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.prepare.insert_loads import insert_reads, own_arguments


def test_contents_of_written_storage_are_read_where_they_are_used():
    check(
        insert_reads,
        """
        def f(%x: float64[n]) -> 0 {
          %y: float64[n] = copy %x
          %z: float64[n] = multiply %y, 2.0
          store[where='i'] %y, 0.0, 0
          yield %z
        }
        """,
        """
        def f(%x: float64[n]) -> 0 {
          %y: float64[n] = copy %x
          %y.1: float64[n] = read %y
          %z: float64[n] = multiply %y.1, 2.0
          store[where='i'] %y, 0.0, 0
          yield %z
        }
        """,
    )


def test_operations_that_need_only_lengths_read_nothing():
    unchanged(
        insert_reads,
        """
        def f(%x: float64[n], %a: float64) -> 0 {
          %y: float64[n] = copy %x
          %z: float64[n] = full_like %y, %a
          %m: int64{n} = size %y
          store[where='i'] %y, 0.0, 0
          yield %z
        }
        """,
    )


def test_what_nobody_writes_is_left_alone():
    unchanged(
        insert_reads,
        """
        def f(%x: float64[n]) -> 0 {
          %z: float64[n] = multiply %x, 2.0
          yield %z
        }
        """,
    )


def test_results_that_are_overwritten_start_as_copies():
    fn = changed(
        insert_reads,
        program("""
        def f(%x: float64[n]) -> 0 {
          %y: float64[n] = exp %x
          store[where='i'] %y, 0.0, 0
          yield %y
        }
        """),
    )
    assert [s.decl.name for s in fn.body.body] == ["exp", "copy", "store"]


def test_written_arguments_are_copied_on_entry():
    fn = own_arguments(
        program("""
        def f(%x: float64[n], %y: float64[n]) -> 0 {
          store[where='i'] %x, 0.0, 0
          %z: float64[n] = add %x, %y
          yield %z
        }
        """)
    )
    assert "%x.1': float64[n] = copy %x" in to_text(fn) and "copy %y" not in to_text(fn)


def test_of_a_written_container_only_the_written_arrays_are_copied():
    args = ({"a": V(4), "b": V(3)}, 0.7)
    text = "def f(p, k):\n    p['a'][1:] *= k\n    return np.sum(p['a'] ** 2) + np.sum(p['b'])\n"
    fn = after(text, args, "argument copies")
    assert to_text(fn).count("copy") == 1
    agrees(text, *args)


def test_written_lists_are_refused():
    found = refusal(
        "def f(xs, k):\n    for x in xs:\n        x[0] = k\n    return np.sum(xs[0])\n",
        [V(2), V(2)],
        0.5,
    )
    assert "writes into arrays of its argument 'xs', which is a list" in found


def test_a_list_that_grows_later_is_used_as_it_was():
    agrees(
        "def f(x):\n    xs = [x]\n    s = 0.0\n    for i in range(3):\n        a = np.stack(xs)\n"
        "        xs.append(np.sum(a * a, axis=0))\n        s += np.sum(a**3)\n    return s\n",
        np.array([0.3, 0.5]),
    )


@pytest.mark.parametrize(
    "view",
    ["np.diag(y)", "y.diagonal()", "np.broadcast_to(y, (2, 3, 3))", "np.ascontiguousarray(y.T)"],
)
def test_views_that_nobody_may_write_through_are_taken_as_what_they_show(view):
    before = "def f(x):\n    y = x.copy()\n    y[0] *= 2.0\n"
    x = np.arange(9.0).reshape(3, 3) / 5
    agrees(f"{before}    v = {view}\n    return np.sum(np.sin(v)) * y[0, 1]\n", x)
    later = f"def f(x):\n    y = x.copy()\n    v = {view}\n    y[0] *= 2.0\n    return np.sum(np.sin(v))\n"
    if "ascontiguousarray" in view:  # a view or a copy
        assert "is written later" in refusal(later, x)
    else:
        agrees(later, x)


def test_a_view_that_shows_a_later_write_is_taken_anew():
    fn = insert_reads(
        program("""
        def f(%x: float64[n, n]) -> 0 {
          %y: float64[n, n] = copy %x
          %d: float64[n] = diagonal %y
          %s: float64! = sum %d
          add_into[where=''] %y, 1.0
          %z: float64[n] = multiply %d, %s
          yield %z
        }
        """)
    )
    names = [s.decl.name for s in fn.body.body]
    assert names == ["copy", "read", "diagonal", "sum", "add_into", "read", "diagonal", "multiply"]


def test_a_write_into_a_part_of_complex_numbers_is_one_into_the_numbers():
    text = "def f(x):\n    w = x + 1j * x**2\n    p = w[1:].imag\n    p[::2] {} x[0] ** 2\n    return np.sum(p * w.real[1:])\n"
    for sign in ("=", "+=", "*="):
        agrees(text.format(sign), np.array([0.3, 0.5, -0.4, 0.9]))
