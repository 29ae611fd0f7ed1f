"""Small functions that the tests of `ir` share."""

from __future__ import annotations

from srcdiff.ir.build import Builder
from srcdiff.ir.core import Call, For, Function, If, Node, OpDecl, While
from srcdiff.ir.types import FLOAT, INT, Array, Dim, List, Scalar, Struct
from srcdiff.ir.values import Value, const
from srcdiff.ops.arrays import containers, memory
from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.ops.core.type_rules import arithmetic, boolean, floating, nothing

N = Array("float64", (Dim.of("n"),))

ADD = OpDecl("add_", infer=arithmetic, template="{0} + {1}")
TIMES = OpDecl("times_", infer=arithmetic, template="{0} * {1}")
LESS = OpDecl("less_", infer=boolean, template="{0} < {1}")
TANH = OpDecl("tanh_", infer=floating, spelling="np.tanh")
SHOW = OpDecl("show_", infer=nothing, template="print({0})", effect=True)

TESTING = {d.name: d for d in (ADD, TIMES, LESS, TANH, SHOW)}
ALL = {**OPERATIONS, **TESTING}


def doubled():
    """A buffer, a loop that fills it, and the buffer's contents."""
    x, b = Value(N, "x", True), Builder()
    n = b.op(memory.length, dim=Dim.of("n"), name="n")
    y = b.op(memory.zeros, n, name="y", user=True)
    inner, i = b.inner(), Value(INT, "i", True)
    v = inner.op(memory.index, x, i, where="i")
    inner.ops(memory.store, y, inner.op(TIMES, v, const(2.0), name="v"), i, where="i")
    b.append(For(const(0), n, const(1), (), inner.region([i], []), ()))
    return Function("doubled", b.region([x], [y]), 0, doc="Twice x.")


def clipped():
    """A branch: x if x < 1.0 else 1.0 + x * 0.0"""
    x, c_out = Value(FLOAT, "x", True), Value(FLOAT, "y", True)
    b = Builder()
    condition = b.op(LESS, x, const(1.0))
    orelse = b.inner()
    limit = orelse.op(ADD, const(1.0), orelse.op(TIMES, x, const(0.0)))
    b.append(If(condition, b.inner().region([], [x]), orelse.region([], [limit]), (c_out,)))
    return Function("clipped", b.region([x], [c_out]), 0)


def powers():
    """`while x < limit: x = x * 2`, the count beside it."""
    x, limit = Value(FLOAT, "x", True), Value(FLOAT, "limit", True)
    b = Builder()
    tested, tested_count, now, count = (
        Value(FLOAT, "x", True),
        Value(INT),
        Value(FLOAT, "x", True),
        Value(INT, "count"),
    )
    out, made = Value(FLOAT, "x", True), Value(INT, "count")
    test, body = b.inner(), b.inner()
    test_region = test.region([tested, tested_count], [test.op(LESS, tested, limit)])
    yields = [body.op(TIMES, now, const(2.0)), body.op(ADD, count, const(1))]
    b.append(While((x, const(0)), test_region, body.region([now, count], yields), (out, made)))
    return Function("powers", b.region([x, limit], [out, made]), tuple_of(0, 1))


def until():
    """`while True: x = x + 1.0; if not x < limit: break`"""
    x, limit, now, out = (Value(FLOAT, name, True) for name in ("x", "limit", "x", "x"))
    b = Builder()
    body = b.inner()
    later = body.op(ADD, now, const(1.0), name="x", user=True)
    region = body.region([now], [body.op(LESS, later, limit), later])
    b.append(While((x,), None, region, (out,), pair=2))
    return Function("until", b.region([x, limit], [out]), 0)


def first_large():
    """A `for` that counts down and is left early; returns the number of iterations and the last index."""
    n, i, at, iterations, out = (
        Value(Scalar("int64", True, Dim.of("n")), "n", True),
        Value(INT, "i"),
        *three(INT),
    )
    b = Builder()
    body = b.inner()
    go = body.op(LESS, const(3), i)
    b.append(
        For(
            const(0),
            n,
            const(2),
            (const(-1),),
            body.region([i, at], [go, i]),
            (iterations, out),
            True,
            True,
            1,
        )
    )
    return Function("first_large", b.region([n], [iterations, out]), tuple_of(0, 1))


def three(type_):
    return Value(type_), Value(type_), Value(type_)


def tuple_of(*leaves):
    return Node("tuple", tuple(range(len(leaves))), leaves)


def calling():
    """A call, twice, of one function."""
    x, b = Value(N, "x"), Builder()
    inner = doubled()
    one, two = Value(N, "one"), Value(N, "two")
    b.append(Call(inner, (x,), (one,)))
    b.append(Call(inner, (one,), (two,), origin="adjoint"))
    return Function("calling", b.region([x], [one, two]), tuple_of(1, 0))


def saving():
    """The shape of what reverse mode emits: values saved in a forward loop, restored in a backward one."""
    x, b = Value(FLOAT, "x", True), Builder()
    i, h, out = Value(INT, "i", True), Value(FLOAT, "h", True), Value(FLOAT, "h", True)
    forward = b.inner()
    forward.ops(memory.save, h, slot=1)
    b.append(
        For(
            const(0),
            const(3),
            const(1),
            (x,),
            forward.region([i, h], [forward.op(TIMES, h, h)]),
            (out,),
            pair=1,
        )
    )
    b.origin = "adjoint"
    j, d, d_x = Value(INT, "i"), Value(FLOAT, "d_h"), Value(FLOAT, "d_x")
    backward = b.inner()
    kept = backward.op(memory.restore, slot=1, type=FLOAT, name="h")
    d_h = backward.op(TIMES, backward.op(TIMES, d, const(2.0)), kept)
    loop = For(
        const(0),
        const(3),
        const(1),
        (const(1.0),),
        backward.region([j, d], [d_h]),
        (d_x,),
        True,
        pair=1,
        origin="adjoint",
    )
    b.append(loop)
    return Function("saving", b.region([x], [out, d_x]), tuple_of(0, 1))


def containers_and_lists():
    """Structs and a list that grows."""
    p = Value(Struct("dict", ("w", "b"), (N, FLOAT)), "p", True)
    b = Builder()
    w, bias = b.op(containers.get, p, key="w", name="w"), b.op(containers.get, p, key="b", name="b")
    ys = b.op(containers.list_new, element=N, name="ys", user=True)
    b.ops(containers.append, ys, b.op(ADD, w, bias))
    b.ops(containers.append, ys, b.op(TANH, w))
    last = b.op(containers.list_item, ys, const(-1), name="last")
    packed = b.op(containers.pack, last, bias, kind="tuple", keys=(0, 1))
    one, two = b.ops(containers.unpack, packed, names=("one", "two"))
    return Function("containers_and_lists", b.region([p], [ys, one, two]), tuple_of(0, 1, 2))


def elements():
    """A list argument whose arrays have lengths of their own."""
    element = Array("float64", (Dim.of("n*"),))
    xs, b = Value(List(element), "xs", True), Builder()
    a = b.op(containers.list_item, xs, const(0))
    c = b.op(containers.list_item, xs, const(1))
    return Function("elements", b.region([xs], [a, c]), tuple_of(0, 1))


PROGRAMS = [
    doubled,
    clipped,
    powers,
    until,
    first_large,
    calling,
    saving,
    containers_and_lists,
    elements,
]
