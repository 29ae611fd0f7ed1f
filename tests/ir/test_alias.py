"""Roots, reads and writes on small functions."""

from __future__ import annotations

from srcdiff.ir.alias import reads_of, storage_roots, writes_of, written_roots
from srcdiff.ir.build import Builder
from srcdiff.ir.core import Call, For, Function, If, Op, While
from srcdiff.ir.types import BOOL, FLOAT, INT, Array, Dim, List, Scalar, Struct
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays import containers, creation, memory
from srcdiff.ops.core.registry import OpDecl
from srcdiff.ops.core.type_rules import same_as_first

N = Array("float64", (Dim.of("n"),))
MATRIX = Array("float64", (Dim.of("n"), Dim(3)))
DOUBLE = OpDecl("double", infer=same_as_first, template="{0} * 2")


def function(b, params, *yields):
    return Function("f", b.region(params, yields), 0)


def test_a_view_has_its_bases_roots_and_an_operation_is_a_root():
    x, b = Value(MATRIX, "x"), Builder()
    row = b.op(memory.index, x, const(0), where="i")
    y = b.op(DOUBLE, row)
    element = b.op(memory.index, y, const(0), where="i")
    roots = storage_roots(function(b, [x], y))
    assert roots[row] == {x}
    assert roots[y] == {y}
    assert element not in roots


def test_writing_through_a_view_writes_the_base():
    x, b = Value(MATRIX, "x"), Builder()
    row = b.op(memory.index, x, const(0), where="i")
    b.ops(memory.store, row, const(1.0), const(0), where="i")
    assert written_roots(function(b, [x])) == {x}


def test_buffers_swapped_in_a_loop_share_roots():
    b = Builder()
    u, v = b.op(memory.zeros, const(3)), b.op(memory.zeros, const(3))
    i, inner_u, inner_v = Value(INT), Value(u.type), Value(v.type)
    results = Value(u.type), Value(v.type)
    body = b.inner().region([i, inner_u, inner_v], [inner_v, inner_u])
    b.append(For(const(0), const(5), const(1), (u, v), body, results))
    roots = storage_roots(function(b, [], *results))
    for value in (inner_u, inner_v, *results):
        assert roots[value] == {u, v}


def test_a_chain_of_carried_buffers_reaches_its_fixpoint():
    b = Builder()
    made = [b.op(memory.zeros, const(3)) for _ in range(3)]
    params = [Value(m.type) for m in made]
    results = tuple(Value(m.type) for m in made)
    inner = b.inner()
    region = inner.region([*params], [const(False), params[1], params[2], params[0]])
    b.append(While(tuple(made), None, region, results))
    roots = storage_roots(function(b, [], *results))
    assert all(roots[r] == set(made) for r in results)


def test_a_while_test_sees_what_the_body_carries():
    b = Builder()
    u, v = b.op(memory.zeros, const(3)), b.op(memory.zeros, const(3))
    tested, carried, result = Value(u.type), Value(u.type), Value(u.type)
    test = b.inner().region([tested], [const(True)])
    b.append(While((u,), test, b.inner().region([carried], [v]), (result,)))
    assert storage_roots(function(b, [], result))[tested] == {u, v}


def test_a_branch_gives_the_union():
    x, y, c, out = Value(N), Value(N), Value(BOOL), Value(N)
    b = Builder()
    b.append(If(c, b.inner().region([], [x]), b.inner().region([], [y]), (out,)))
    assert storage_roots(function(b, [x, y, c], out))[out] == {x, y}


def test_an_item_shares_storage_with_what_was_put_on_the_list():
    x, b = Value(N, "x"), Builder()
    xs = b.op(containers.list_new, x, element=N)
    y = b.op(DOUBLE, x)
    b.ops(containers.append, xs, y)
    item = b.op(containers.list_item, xs, const(0))
    fn = function(b, [x], item)
    roots = storage_roots(fn)
    assert roots[item] == {x, y}
    assert roots[xs] == {xs, x, y}
    assert written_roots(fn) == {xs}, "appending writes the list, not what is on it"


def test_popping_gives_an_item():
    x, b = Value(N, "x"), Builder()
    xs = b.op(containers.list_new, element=N)
    b.ops(containers.list_set, xs, const(0), x)
    assert storage_roots(function(b, [x], b.op(containers.list_pop, xs)))[
        b.body[-1].results[0]
    ] == {x}


def test_an_item_of_an_argument_shares_storage_with_the_argument():
    xs, b = Value(List(N), "xs"), Builder()
    item = b.op(containers.list_item, xs, const(0))
    b.ops(memory.store, item, const(0.0), where="")
    fn = function(b, [xs], item)
    assert storage_roots(fn)[item] == {xs}
    assert written_roots(fn) == {xs}


def test_adding_to_a_lists_item_writes_the_items():
    x, b = Value(N, "x"), Builder()
    xs = b.op(containers.list_new, x, element=N)
    b.ops(containers.list_add, xs, const(0), x)
    statement = b.body[-1]
    roots = storage_roots(function(b, [x], xs))
    assert writes_of(statement, roots) == {xs, x}
    assert x in reads_of(statement, roots)


def test_an_inner_list_is_written_through_the_list_that_holds_it():
    xss, b = Value(List(List(N)), "xss"), Builder()
    xs = b.op(containers.list_item, xss, const(0))
    y = b.op(memory.zeros, const(3))
    b.ops(containers.append, xs, y)
    other = b.op(containers.list_item, b.op(containers.list_item, xss, const(1)), const(0))
    fn = function(b, [xss], other)
    assert written_roots(fn) == {xss}
    assert storage_roots(fn)[other] == {xss, y}


def test_lists_of_an_operation_have_storage_of_their_own():
    xs, b = Value(List(N), "xs"), Builder()
    zeros = b.op(memory.zeros_like_list, xs, type=List(N))
    item = b.op(containers.list_item, zeros, const(0))
    assert storage_roots(function(b, [xs], item))[item] == {zeros}


def test_a_copied_list_shares_its_items():
    x, b = Value(N, "x"), Builder()
    copied = b.op(memory.copy, b.op(containers.list_new, x, element=N))
    item = b.op(containers.list_item, copied, const(0))
    roots = storage_roots(function(b, [x], item))
    assert roots[item] == {x}
    assert roots[copied] == {copied, x}


def test_parts_of_a_parameter_are_distinguished_and_the_same_part_is_one_root():
    p = Value(Struct("dict", ("W", "b"), (MATRIX, N)), "p")
    b = Builder()
    first, bias, again = (b.op(containers.get, p, key=k) for k in ("W", "b", "W"))
    roots = storage_roots(function(b, [p]))
    assert roots[first] == roots[again] == {first}
    assert roots[bias] == {bias}
    assert roots[p] == {p, first, bias}


def test_unpacking_takes_the_same_parts_as_get():
    p, b = Value(Struct("tuple", (0, 1), (N, N)), "p"), Builder()
    one, two = b.ops(containers.unpack, p)
    again = b.op(containers.get, p, key=1)
    roots = storage_roots(function(b, [p]))
    assert roots[one] == {one}
    assert roots[again] == roots[two] == {two}


def test_unpacking_an_array_gives_views():
    x, b = Value(MATRIX), Builder()
    one, two = b.ops(containers.unpack, x, count=2)
    roots = storage_roots(function(b, [x]))
    assert roots[one] == roots[two] == {x}


def test_a_packed_struct_holds_its_parts():
    x, y, b = Value(N, "x"), Value(N, "y"), Builder()
    packed = b.op(containers.pack, x, y, kind="tuple", keys=(0, 1))
    part = b.op(containers.get, packed, key=1)
    roots = storage_roots(function(b, [x, y]))
    assert roots[packed] == {packed, x, y}
    assert roots[part] == {y}


def test_results_of_a_call_are_roots():
    x, out = Value(N), Value(N)
    inner = Value(N)
    callee = Function("g", Builder().region([inner], [inner]), 0)
    b = Builder()
    call = Call(callee, (x,), (out,))
    b.append(call)
    roots = storage_roots(function(b, [x], out))
    assert roots[out] == {out}
    assert reads_of(call, roots) == {x}


def test_restored_values_share_storage_with_saved_ones():
    x, b = Value(N), Builder()
    b.ops(memory.save, x, slot=1)
    back = b.op(memory.restore, slot=1, type=N)
    unknown = b.op(memory.restore, slot=2, type=N)
    roots = storage_roots(function(b, [x]))
    assert roots[back] == {x}
    assert roots[unknown] == {unknown}


def test_making_a_view_reads_nothing_and_taking_an_element_reads():
    x, b = Value(N), Builder()
    b.op(memory.index, x, where=":")
    b.op(memory.index, x, const(0), where="i")
    b.op(memory.axis_length, x, axis=0)
    b.op(memory.zeros_like, x)
    roots = storage_roots(function(b, [x]))
    assert [reads_of(s, roots) for s in b.body] == [set(), {x}, set(), set()]


def test_reads_and_writes_of_a_loop_are_those_of_its_body():
    x, y, b = Value(N), Value(N), Builder()
    inner, i = b.inner(), Value(INT)
    v = inner.op(memory.index, x, i, where="i")
    inner.ops(memory.store, y, v, i, where="i")
    loop = For(const(0), const(3), const(1), (), inner.region([i], []), ())
    b.append(loop)
    roots = storage_roots(function(b, [x, y]))
    assert reads_of(loop, roots) == {x}
    assert writes_of(loop, roots) == {y}


def test_items_of_structs_on_a_list_keep_their_parts():
    x, b = Value(N, "x"), Builder()
    scalar = Value(FLOAT, "s")
    pair = b.op(containers.pack, x, scalar, kind="tuple", keys=(0, 1))
    xs = b.op(containers.list_new, pair, element=Struct("tuple", (0, 1), (N, Scalar("float64"))))
    part = b.op(containers.get, b.op(containers.list_item, xs, const(0)), key=0)
    assert storage_roots(function(b, [x, scalar], part))[part] == {x}


def test_operations_without_storage_have_no_roots():
    s, b = Value(FLOAT), Builder()
    out = b.op(DOUBLE, s)
    (op,) = b.body
    assert isinstance(op, Op)
    roots = storage_roots(function(b, [s], out))
    assert roots == {}
    assert reads_of(op, roots) == set()


def test_what_is_shaped_like_a_list_reads_how_many_there_are():
    b = Builder()
    xs = b.op(containers.list_new, element=N)
    zeros = b.op(memory.zeros_like_list, xs, type=xs.type)
    fn = function(b, [], zeros)
    assert reads_of(fn.body.body[-1], storage_roots(fn)) == {xs}


def test_the_elements_of_an_array_are_a_list_of_their_own():
    x, b = Value(N, "x"), Builder()
    xs = b.op(creation.elements, x)
    b.ops(containers.append, xs, const(1.0))
    fn = function(b, [x], xs)
    assert storage_roots(fn)[xs] == {xs}
    assert written_roots(fn) == {xs}


def test_the_rows_of_an_array_are_views_on_a_list_of_its_own():
    x, b = Value(Array("float64", (Dim(2), Dim(3))), "x"), Builder()
    xs = b.op(creation.rows, x)
    row = b.op(containers.list_pop, xs)
    fn = function(b, [x], row)
    assert storage_roots(fn)[row] == {x}
    assert written_roots(fn) == {xs}, "taking a row off the list leaves the array as it is"


def test_a_copy_of_a_list_may_grow_alone_and_shares_its_items():
    x, b = Value(N, "x"), Builder()
    xs = b.op(containers.list_new, x, element=N)
    copied = b.op(containers.list_copy, xs)
    b.ops(containers.append, copied, x)
    item = b.op(containers.list_item, copied, const(0))
    fn = function(b, [x], item)
    assert storage_roots(fn)[item] == {x}
    assert written_roots(fn) == {copied}
