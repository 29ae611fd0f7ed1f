"""Linear systems, factors and eigenvalues for compiled code: LAPACK routines of `scipy.linalg`, called by name.

LAPACK takes matrices in column-major order, which is the transpose of a matrix in row-major order. Each routine exists
for four dtypes.
"""

import numpy as np
from llvmlite import ir
from llvmlite.binding import add_symbol
from numba import njit, types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic
from scipy.linalg import cython_lapack

PREFIXES = {
    types.float32: "s", types.float64: "d", types.complex64: "c", types.complex128: "z",
}  # fmt: skip
NUMBERS = {"s": types.float32, "c": types.float32, "d": types.float64, "z": types.float64}


def lapack(name, kinds="sdcz"):
    """A LAPACK subroutine as a function of a tuple; it returns the subroutine's last argument, `info`.

    Arrays are passed as pointers to their data, integers and floats by reference, letters as `np.uint8`, and None as a
    null pointer. The dtype of the first array selects the subroutine.
    """
    for kind in kinds:
        assert f"{kind}{name}" in cython_lapack.__pyx_capi__
        address = get_cython_function_address("scipy.linalg.cython_lapack", f"{kind}{name}")
        add_symbol(f"scipy_lapack_{kind}{name}", address)

    @intrinsic
    def called(typingctx, args):
        kind = PREFIXES[next(a.dtype for a in args if isinstance(a, types.Array))]
        assert kind in kinds
        bytes_ = ir.IntType(8).as_pointer()

        def pointer(context, builder, type_, value):
            if isinstance(type_, types.Array):
                place = context.make_array(type_)(context, builder, value).data
            elif isinstance(type_, types.NoneType):
                return bytes_(None)
            else:
                is_float = isinstance(type_, types.Float)
                as_type = NUMBERS[kind] if is_float else types.int32
                as_type = type_ if type_ == types.uint8 else as_type
                number = context.cast(builder, value, type_, as_type)
                place = cgutils.alloca_once_value(builder, number)
            return builder.bitcast(place, bytes_)

        def emit(context, builder, signature, values):
            parts = cgutils.unpack_tuple(builder, values[0])
            places = [pointer(context, builder, t, v) for t, v in zip(args, parts, strict=True)]
            info = cgutils.alloca_once_value(builder, ir.IntType(32)(0))
            places.append(builder.bitcast(info, bytes_))
            declared = ir.FunctionType(ir.VoidType(), [bytes_] * len(places))
            symbol = f"scipy_lapack_{kind}{name}"
            function = cgutils.get_or_insert_function(builder.module, declared, symbol)
            builder.call(function, places)
            return builder.sext(builder.load(info), ir.IntType(64))

        return types.int64(args), emit

    return called


gesv = lapack("gesv")
getrf = lapack("getrf")
getrs = lapack("getrs")
gbsv = lapack("gbsv")
syevr = lapack("syevr", "sd")
heevr = lapack("heevr", "cz")


@njit
def in_columns(a):
    """A writable matrix in LAPACK's order: the rows of the array are the columns of the matrix."""
    out = np.empty((a.shape[1], a.shape[0]), a.dtype)
    for i in range(a.shape[0]):  # Numba compiles this in a fifth of the time of `out[:] = a.T`
        for j in range(a.shape[1]):
            out[j, i] = a[i, j]
    return out


@njit
def right_sides(b):
    """The columns of a matrix, or a vector, in LAPACK's order."""
    return in_columns(np.ascontiguousarray(b).reshape((len(b), b.size // max(len(b), 1))))


# ---- systems: ten times faster to compile than Numba's own -------------------------------------------------------


@njit
def solve(a, b):
    """`np.linalg.solve` for a matrix on the right."""
    n, x = len(a), in_columns(b)
    if n > 0 and gesv((n, len(x), in_columns(a), n, np.empty(n, np.int32), x, n)) > 0:
        raise np.linalg.LinAlgError("Singular matrix")
    return in_columns(x)


@njit
def solve_vector(a, b):
    """`np.linalg.solve` for a vector on the right."""
    n, x = len(a), b.copy()
    if n > 0 and gesv((n, 1, in_columns(a), n, np.empty(n, np.int32), x, n)) > 0:
        raise np.linalg.LinAlgError("Singular matrix")
    return x


# ---- LU factors ------------------------------------------------------------------------------


@njit
def getrf_info(a):
    """Both factors in one matrix, the row exchanges, and 0 if the matrix is regular."""
    n = len(a)
    lu, pivots, info = in_columns(a), np.empty(n, np.int32), np.int64(0)
    if n > 0:
        info = getrf((n, n, lu, n, pivots))
    return in_columns(lu), pivots - np.int32(1), info


@njit
def lu_factor(a):
    """`scipy.linalg.lu_factor`."""
    lu, pivots, _ = getrf_info(a)
    return lu, pivots


@njit
def lu_solve(lu, pivots, b, trans):
    """`scipy.linalg.lu_solve`; `trans`: 0, 1 for the transpose, 2 for the adjoint."""
    n, x = len(lu), right_sides(b)
    if x.size > 0:
        letter = np.uint8(78) if trans == 0 else np.uint8(84) if trans == 1 else np.uint8(67)
        from_one = (pivots + 1).astype(np.int32)
        getrs((letter, n, len(x), in_columns(lu), n, from_one, x, n))
    return in_columns(x).reshape(b.shape)


# ---- banded and Toeplitz systems -------------------------------------------------------------


@njit
def solve_banded(bands, b, below, above):
    """`scipy.linalg.solve_banded`."""
    n, x = len(b), right_sides(b)
    if x.size > 0:
        rows = 2 * below + above + 1
        work = np.zeros((n, rows), bands.dtype)
        work[:, below:] = bands.T
        if gbsv((n, below, above, len(x), work, rows, np.empty(n, np.int32), x, n)) > 0:
            raise np.linalg.LinAlgError("singular matrix")
    return in_columns(x).reshape(b.shape)


@njit
def solve_toeplitz(c, r, b):
    """`scipy.linalg.solve_toeplitz`: Levinson's recursion.

    `first` and `last` solve the leading systems with the first and with the last unit vector.
    """
    n = len(c)
    out = np.zeros_like(b)
    if n == 0:
        return out
    first, last = np.zeros_like(c), np.zeros_like(c)
    first[0] = last[0] = 1.0 / c[0]
    out[0] = b[0] / c[0]
    for m in range(1, n):
        under = np.sum(c[m:0:-1] * first[:m])
        over = np.sum(r[1 : m + 1] * last[:m])
        rest = 1.0 - under * over
        if rest == 0.0:
            raise np.linalg.LinAlgError("singular principal minor")
        shifted = last[:m].copy()
        last[0], last[1 : m + 1] = 0.0, shifted
        last[:m] -= over * first[:m]
        last[: m + 1] /= rest
        first[1 : m + 1] -= under * shifted
        first[: m + 1] /= rest
        missing = b[m] + 0.0
        for j in range(m):
            missing = missing - c[m - j] * out[j]
        for j in range(m + 1):
            out[j] += missing * last[j]
    return out


# ---- eigenvalues of symmetric matrices -------------------------------------------------------


@njit
def eigh(a, lower):
    """`scipy.linalg.eigh` for real numbers, by the driver that SciPy chooses."""
    n, work = len(a), in_columns(a)
    values, vectors = np.empty(n, a.dtype), np.empty((n, n), a.dtype)
    if n > 0:
        letter = np.uint8(76) if lower else np.uint8(85)
        room, counts = np.empty(66 * n, a.dtype), np.empty(10 * n, np.int32)
        info = syevr(
            (np.uint8(86), np.uint8(65), letter, n, work, n, 0.0, 0.0, 0, 0, 0.0, 0, values, vectors, n,
             np.empty(2 * n, np.int32), room, room.size, counts, counts.size)
        )  # fmt: skip
        if info != 0:
            raise np.linalg.LinAlgError("eigenvalues did not converge")
    return values, in_columns(vectors)


@njit
def complex_eigh(a, lower):
    """`scipy.linalg.eigh` for complex numbers, by the driver that SciPy chooses."""
    n, work = len(a), in_columns(a)
    values, vectors = np.empty(n, a.real.dtype), np.empty((n, n), a.dtype)
    if n > 0:
        letter = np.uint8(76) if lower else np.uint8(85)
        room, reals = np.empty(66 * n, a.dtype), np.empty(24 * n, a.real.dtype)
        counts = np.empty(10 * n, np.int32)
        info = heevr(
            (np.uint8(86), np.uint8(65), letter, n, work, n, 0.0, 0.0, 0, 0, 0.0, 0, values, vectors, n,
             np.empty(2 * n, np.int32), room, room.size, reals, reals.size, counts, counts.size)
        )  # fmt: skip
        if info != 0:
            raise np.linalg.LinAlgError("eigenvalues did not converge")
    return values, in_columns(vectors)
