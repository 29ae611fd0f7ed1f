"""Inner loops of NumPy's and SciPy's ufuncs, called from compiled code.

For each combination of types, a ufunc holds the address of a C function that iterates over its operands, and of data
for that function (`PyUFuncObject` in NumPy's `ufuncobject.h`, which is public). Fourier transforms have no other C
function, and neither have functions of scipy.special for complex numbers. As in `runtime/scipy_special.py`, addresses
are registered under symbols of srcdiff, which Numba's cache may refer to.
"""

import ctypes

from llvmlite import ir
from llvmlite.binding import add_symbol
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from srcdiff.runtime.math.llvm_primitives import STRICT

NUMBA_TYPES = {
    "f": types.float32, "d": types.float64, "F": types.complex64, "D": types.complex128,
    "l": types.int64, "p": types.int64,
}  # fmt: skip


class UfuncObject(ctypes.Structure):
    """The head of a ufunc object, up to the number of its types."""

    _fields_ = (
        ("object", ctypes.c_char * object.__basicsize__),
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
    )


def loop_of(ufunc, kinds):
    """The symbols of a ufunc's loop for types such as "Dd->D" and of its data, registered with LLVM."""
    head = UfuncObject.from_address(id(ufunc))
    assert (head.nin, head.nout, head.ntypes) == (ufunc.nin, ufunc.nout, ufunc.ntypes)
    k = ufunc.types.index(kinds)
    name = f"ufunc_{ufunc.__name__}_{kinds.replace('->', '_')}"
    add_symbol(name, head.functions[k])
    if not head.data or head.data[k] is None:
        return name, None
    add_symbol(f"{name}_data", head.data[k])
    return name, f"{name}_data"


def call_loop(builder, loop, args, dimensions, steps):
    """Emit the LLVM call of a loop: pointers to operands and results, lengths, strides in bytes."""
    name, data = loop
    bytes_, word = ir.IntType(8).as_pointer(), ir.IntType(64)
    table = cgutils.alloca_once(builder, bytes_, len(args))
    numbers = [cgutils.alloca_once(builder, word, len(part)) for part in (dimensions, steps)]
    for k, pointer in enumerate(args):
        builder.store(builder.bitcast(pointer, bytes_), cgutils.gep_inbounds(builder, table, k))
    for place, part in zip(numbers, (dimensions, steps), strict=True):
        for k, number in enumerate(part):
            value = word(number) if isinstance(number, int) else number
            builder.store(value, cgutils.gep_inbounds(builder, place, k))
    signature = ir.FunctionType(
        ir.VoidType(), [bytes_.as_pointer(), word.as_pointer(), word.as_pointer(), bytes_]
    )
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    text = bytes_(None)
    if data is not None:
        text = builder.module.globals.get(data)
        if text is None:
            text = ir.GlobalVariable(builder.module, ir.IntType(8), data)
    builder.call(function, [table, *numbers, text])


def looped(ufunc, kinds):
    """A ufunc as a function of numbers, by its loop for these types."""
    loop = loop_of(ufunc, kinds)
    *given, result = (NUMBA_TYPES[k] for k in kinds.replace("->", ""))

    def emit_call(context, builder, values):
        places = [
            cgutils.alloca_once_value(builder, context.get_value_as_data(builder, t, v))
            for t, v in zip(given, values, strict=True)
        ]
        out = cgutils.alloca_once(builder, context.get_data_type(result))
        call_loop(builder, loop, [*places, out], [1], [0] * (len(given) + 1))
        return context.data_model_manager[result].from_data(builder, builder.load(out))

    @intrinsic
    def called(typingctx, args):
        def emit(context, builder, signature, values):
            parts = cgutils.unpack_tuple(builder, values[0])
            types_ = zip(args, given, strict=True)
            cast = [context.cast(builder, v, *t) for v, t in zip(parts, types_, strict=True)]
            return emit_call(context, builder, cast)

        return result(args), emit

    def of_one(x):
        return called((x,))

    def of_two(x, y):
        return called((x, y))

    def of_three(x, y, z):
        return called((x, y, z))

    def of_four(x, y, z, w):
        return called((x, y, z, w))

    call = (of_one, of_two, of_three, of_four)[len(given) - 1]
    # Numba's cache finds the compiled code by this name
    call.__name__ = call.__qualname__ = loop[0]
    return njit(**STRICT)(call)
