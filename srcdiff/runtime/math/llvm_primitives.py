"""LLVM primitives of the runtime's elementary functions: operations on one float64 or float32.

Each is inlined as a few instructions, without a branch and for both types. Constants take the type of the argument next
to them, so that float32 code never widens. This module holds the code that depends on the bits of a float; the
functions themselves (`exponential`, `trig`, `special`) are arithmetic.

They are compiled with `STRICT`, without fast-math flags, so that the exact steps (`two_sum`) are exact whatever the
flags of a caller. The functions `muladd` and `polynomial` state that a product and a sum may be rounded once.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.compiler import Flags
from numba.extending import intrinsic

# Inlined by LLVM, not by Numba, so that a caller's flags (`reassoc`) do not apply inside. Every option is given,
# because a missing one would be taken from the caller that is compiled first.
STRICT = {"forceinline": True, "fastmath": False, "error_model": "numpy"}
# Steps that only these functions call: Numba inlines them, so that they are not compiled on their own.
STEP = {**STRICT, "inline": "always"}


def _call(builder, name, values):
    """A call of the LLVM intrinsic `name`, whose arguments and result have one type."""
    of = values[0].type
    signature = ir.FunctionType(of, [of] * len(values))
    return builder.call(builder.module.declare_intrinsic(name, [of], signature), values)


def _integer(of):
    return ir.IntType(64 if isinstance(of, ir.DoubleType) else 32)


def _layout(of):
    """Bits of the mantissa, bias of the exponent."""
    return (52, 1023) if isinstance(of, ir.DoubleType) else (23, 127)


@intrinsic
def real(typingctx, x):
    """`x` as a float; integers become float64, as in NumPy."""
    of = x if isinstance(x, types.Float) else types.float64

    def emit(context, builder, signature, values):
        return context.cast(builder, values[0], x, of)

    return of(x), emit


@intrinsic
def wider(typingctx, x, y):
    """Zero of the type that `x + y` has."""
    both = (x, y)
    of = types.float32 if all(t == types.float32 for t in both) else types.float64

    def emit(context, builder, signature, values):
        return context.get_constant(of, 0.0)

    return of(x, y), emit


@intrinsic
def like(typingctx, x, number):
    """`number` in the type of `x`."""

    def emit(context, builder, signature, values):
        return context.cast(builder, values[1], number, x)

    return x(x, number), emit


@intrinsic
def constants(typingctx, x, double, single):
    """The constants for the type of `x`: `double` or `single`, numbers and tuples of numbers."""
    position, chosen = (1, double) if x == types.float64 else (2, single)

    def converted(t):
        return types.Tuple([converted(e) for e in t]) if isinstance(t, types.BaseTuple) else x

    of = converted(chosen)

    def emit(context, builder, signature, values):
        return context.cast(builder, values[position], chosen, of)

    return of(x, double, single), emit


@intrinsic
def select(typingctx, condition, yes, no):
    """`yes if condition else no`, both computed: never a branch."""

    def emit(context, builder, signature, values):
        return builder.select(*values)

    return yes(types.boolean, yes, yes), emit


@intrinsic
def muladd(typingctx, a, b, c):
    """The number a b + c, with one rounding if the processor has that at no cost."""

    def emit(context, builder, signature, values):
        return _call(builder, "llvm.fmuladd", values)

    return a(a, a, a), emit


@intrinsic
def polynomial(typingctx, x, coefficients):
    """c0 + c1 x + c2 x**2 + ..., by Horner's rule."""

    def emit(context, builder, signature, values):
        each = cgutils.unpack_tuple(builder, values[1])
        result = each.pop()
        while each:
            result = _call(builder, "llvm.fmuladd", [result, values[0], each.pop()])
        return result

    return x(x, coefficients), emit


@intrinsic
def floor(typingctx, x):
    def emit(context, builder, signature, values):
        return _call(builder, "llvm.floor", values)

    return x(x), emit


@intrinsic
def absolute(typingctx, x):
    def emit(context, builder, signature, values):
        return _call(builder, "llvm.fabs", values)

    return x(x), emit


@intrinsic
def larger(typingctx, x, y):
    """The larger of two numbers, or NaN if one is NaN: LLVM vectorises reductions by it, but none by comparisons."""

    def emit(context, builder, signature, values):
        return _call(builder, "llvm.maximum", values)

    return x(x, x), emit


@intrinsic
def with_sign(typingctx, x, sign):
    """|x| with the sign of `sign`, also if one of them is a zero or NaN."""

    def emit(context, builder, signature, values):
        return _call(builder, "llvm.copysign", values)

    return x(x, x), emit


@intrinsic
def two_sum(typingctx, a, b):
    """The sum, and the exact rounding error (Knuth, TAOCP 2, 4.2.2)."""

    def emit(context, builder, signature, values):
        a, b = values
        total = builder.fadd(a, b)
        b_part = builder.fsub(total, a)
        a_part = builder.fsub(total, b_part)
        rest = builder.fadd(builder.fsub(a, a_part), builder.fsub(b, b_part))
        return context.make_tuple(builder, signature.return_type, [total, rest])

    return types.UniTuple(a, 2)(a, a), emit


@intrinsic
def two_product(typingctx, a, b):
    """The product, and its rounding error to within 2**-100 of the product (2**-45 in float32).

    Dekker, A floating-point technique for extending the available precision, 1971; a mask cuts the halves.
    """

    def emit(context, builder, signature, values):
        a, b = values
        mask = ir.Constant(
            _integer(a.type), -(1 << (27 if isinstance(a.type, ir.DoubleType) else 12))
        )

        def halves(v):
            bits = builder.and_(builder.bitcast(v, mask.type), mask)
            head = builder.bitcast(bits, v.type)
            return head, builder.fsub(v, head)

        (a_head, a_tail), (b_head, b_tail) = halves(a), halves(b)
        product = builder.fmul(a, b)
        rest = builder.fsub(builder.fmul(a_head, b_head), product)
        rest = builder.fadd(rest, builder.fmul(a_head, b_tail))
        rest = builder.fadd(rest, builder.fmul(a_tail, b_head))
        rest = builder.fadd(rest, builder.fmul(a_tail, b_tail))
        return context.make_tuple(builder, signature.return_type, [product, rest])

    return types.UniTuple(a, 2)(a, a), emit


def _power(builder, n, of):
    """2**n in the type `of`, for an int32 `n` in the range of its normal numbers."""
    digits, bias = _layout(of)
    full = _integer(of)
    n = builder.add(n, ir.Constant(n.type, bias))
    n = builder.sext(n, full) if full.width > 32 else n
    return builder.bitcast(builder.shl(n, ir.Constant(full, digits)), of)


@intrinsic
def power_of_two(typingctx, k):
    """2**k for an integral `k`, if that is a normal number."""

    def emit(context, builder, signature, values):
        # by way of int32, for which AVX2 has a conversion
        whole = builder.fptosi(values[0], ir.IntType(32))
        return _power(builder, whole, values[0].type)

    return k(k), emit


@intrinsic
def scaled(typingctx, x, k):
    """The number x 2**k for an integral `k` up to twice the exponent's range; a subnormal result is rounded once."""

    def emit(context, builder, signature, values):
        x, k = values
        whole = builder.fptosi(k, ir.IntType(32))
        half = builder.ashr(whole, ir.Constant(whole.type, 1))
        x = builder.fmul(x, _power(builder, half, x.type))
        return builder.fmul(x, _power(builder, builder.sub(whole, half), x.type))

    return x(x, x), emit


@intrinsic
def mantissa_and_exponent(typingctx, x):
    """The pair m in [sqrt(1/2), sqrt(2)) and k with x = m 2**k, for a positive finite `x`."""

    def emit(context, builder, signature, values):
        (x,) = values
        of, full, (digits, bias) = x.type, _integer(x.type), _layout(x.type)
        small = ir.IntType(32)
        root = {52: 0x3FE6A09E667F3BCD, 23: 0x3F3504F3}[
            digits
        ]  # the bits of sqrt(1/2), below it by one bit
        tiny = builder.fcmp_ordered("<", x, ir.Constant(of, 2.0 ** (1 - bias)))
        up = digits + 2
        x = builder.select(tiny, builder.fmul(x, ir.Constant(of, 2.0**up)), x)
        bits = builder.bitcast(x, full)
        k = builder.ashr(builder.sub(bits, ir.Constant(full, root)), ir.Constant(full, digits))
        m = builder.bitcast(builder.sub(bits, builder.shl(k, ir.Constant(full, digits))), of)
        k = builder.trunc(k, small) if full.width > 32 else k
        k = builder.sub(k, builder.select(tiny, ir.Constant(small, up), ir.Constant(small, 0)))
        return context.make_tuple(builder, signature.return_type, [m, builder.sitofp(k, of)])

    return types.UniTuple(x, 2)(x), emit


# Rare arguments, for which no polynomial serves, go to a function of one number in an `if`. LLVM vectorises a loop with
# such a call if the function has variants for vectors with a mask (Vector Function ABI). The variants here test the
# mask, and call the function for each element only if any bit is set.


def _pure(module, name, result, kinds):
    """The function `name` of a module and the block for its body; the block is None if the body exists."""
    function = cgutils.get_or_insert_function(module, ir.FunctionType(result, kinds), name)
    if function.blocks:
        return function, None
    # equal in all modules that are linked, and kept even if nothing calls it yet
    function.linkage = "weak_odr"
    # speculatable: LLVM then hoists loop-invariant calls; it takes minutes for calls that stay in the loop
    for attribute in ("noinline", "nounwind", "readnone", "speculatable", "willreturn"):
        set.add(function.attributes, attribute)  # llvmlite does not know `willreturn`
    return function, function.append_basic_block()


def _variant(module, scalar, lanes):
    """The variant of a function for `lanes` numbers, as an entry of the table of variants."""
    of = ir.VectorType(scalar.return_value.type, lanes)
    name = f"{scalar.name}_{lanes}"
    function, entry = _pure(module, name, of, [of, ir.VectorType(ir.IntType(1), lanes)])
    if entry is not None:
        x, mask = function.args
        each, end = function.append_basic_block(), function.append_basic_block()
        builder = ir.IRBuilder(entry)
        bits = builder.bitcast(mask, ir.IntType(lanes))
        builder.cbranch(builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0)), each, end)
        builder.position_at_end(each)
        result = builder.select(mask, x, ir.Constant(of, None))
        for k in range(lanes):
            lane = ir.Constant(ir.IntType(32), k)
            result = builder.insert_element(
                result, builder.call(scalar, [builder.extract_element(result, lane)]), lane
            )
        builder.branch(end)
        builder.position_at_end(end)
        out = builder.phi(of)
        out.add_incoming(x, entry)
        out.add_incoming(result, each)
        builder.ret(out)
    return f"_ZGV_LLVM_M{lanes}v_{scalar.name}({name})"


def _call_rarely(builder, name, x, body):
    """A call under a condition that does not keep a loop from being vectorised; `body` writes the function once."""
    of = x.type
    scalar, entry = _pure(builder.module, f"srcdiff_{name}_{of}", of, [of])
    if entry is not None:
        inner = ir.IRBuilder(entry)
        inner.ret(body(inner, scalar.args[0]))
    call = builder.call(scalar, [x])
    widths = (2, 4, 8) if isinstance(of, ir.DoubleType) else (4, 8, 16)
    variants = ",".join(_variant(builder.module, scalar, lanes) for lanes in widths)
    set.add(call.attributes, f'"vector-function-abi-variant"="{variants}"')
    return call


@intrinsic
def rarely(typingctx, x, function):
    """function(x), also in an `if` of a loop that is vectorised; the function itself may branch."""

    def emit(context, builder, signature, values):
        python_function = function.dispatcher.py_func

        def body(inner, argument):
            flags = Flags()
            flags.error_model = "numpy"
            compiled = context.compile_subroutine(inner, python_function, x(x), flags=flags)
            return context.call_internal_no_propagate(inner, compiled.fndesc, x(x), [argument])[1]

        return _call_rarely(builder, python_function.__name__, values[0], body)

    return x(x, function), emit
