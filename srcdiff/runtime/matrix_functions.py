"""Matrix equations and matrix functions for compiled code.

The Schur form and triangular equations are LAPACK's. LAPACK has no exponentials, roots and logarithms: they follow
Higham, Functions of Matrices, 2008, chapters 6, 10 and 11.
"""

import numpy as np
from numba import njit

from srcdiff.runtime.linear import in_columns, lapack, solve, solve_vector

real_gees = lapack("gees", "sd")
complex_gees = lapack("gees", "cz")
trsyl = lapack("trsyl")

# nodes and weights of Gauss-Legendre quadrature between 0 and 1
NODES = 0.5 + 0.5 * np.polynomial.legendre.leggauss(8)[0]
WEIGHTS = 0.5 * np.polynomial.legendre.leggauss(8)[1]
# coefficients of the numerator of Padé's approximant [13/13] of exp
PADE = np.array(
    [64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
     10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0]
)  # fmt: skip


@njit
def schur(a):
    """The Schur form of a real matrix and the Schur vectors, both in LAPACK's order."""
    n, form = len(a), in_columns(a)
    vectors, room = np.empty((n, n), a.dtype), np.empty(max(n, 34 * n), a.dtype)
    values = np.empty((2, n), a.dtype)
    if n > 0 and real_gees(
        (np.uint8(86), np.uint8(78), None, n, form, n, 0, values[0], values[1], vectors, n, room,
         room.size, None)
    ) > 0:  # fmt: skip
        raise np.linalg.LinAlgError("Schur form not found. Possibly ill-conditioned.")
    return form, vectors


@njit
def complex_schur(a):
    """The Schur form of a complex matrix, which is triangular, and the Schur vectors."""
    n, form = len(a), in_columns(a)
    vectors, room = np.empty((n, n), a.dtype), np.empty(max(n, 34 * n), a.dtype)
    reals = np.empty(n, a.real.dtype)
    if n > 0 and complex_gees(
        (np.uint8(86), np.uint8(78), None, n, form, n, 0, np.empty(n, a.dtype), vectors, n, room,
         room.size, reals, None)
    ) > 0:  # fmt: skip
        raise np.linalg.LinAlgError("Schur form not found. Possibly ill-conditioned.")
    return form, vectors


# ---- equations -------------------------------------------------------------------------------


@njit
def between_forms(form, vectors, other_form, other_vectors, q):
    """The solution of A X + X B = Q, from the Schur forms of A and of the adjoint of B."""
    u, v = np.ascontiguousarray(vectors.T), np.ascontiguousarray(other_vectors.T)
    middle = in_columns(np.conj(u.T) @ np.ascontiguousarray(q) @ v)
    m, n, scale = len(form), len(other_form), np.ones(1, form.real.dtype)
    if m > 0 and n > 0:
        info = trsyl(
            (np.uint8(78), np.uint8(67), 1, m, n, form, m, other_form, n, middle, m, scale)
        )
        if info < 0:
            raise np.linalg.LinAlgError("Illegal value encountered in the Sylvester equation")
    return scale[0] * (u @ in_columns(middle) @ np.ascontiguousarray(np.conj(v.T)))


@njit
def solve_sylvester(a, b, q):
    """`scipy.linalg.solve_sylvester` for real numbers."""
    form, vectors = schur(a)
    other_form, other_vectors = schur(b.T)
    return between_forms(form, vectors, other_form, other_vectors, q)


@njit
def complex_solve_sylvester(a, b, q):
    """`scipy.linalg.solve_sylvester` for complex numbers."""
    form, vectors = complex_schur(a)
    other_form, other_vectors = complex_schur(np.conj(b.T))
    return between_forms(form, vectors, other_form, other_vectors, q)


@njit
def solve_continuous_lyapunov(a, q):
    """`scipy.linalg.solve_continuous_lyapunov` for real numbers."""
    form, vectors = schur(a)
    return between_forms(form, vectors, form, vectors, q)


@njit
def complex_solve_continuous_lyapunov(a, q):
    """`scipy.linalg.solve_continuous_lyapunov` for complex numbers."""
    form, vectors = complex_schur(a)
    return between_forms(form, vectors, form, vectors, q)


@njit
def solve_small_lyapunov(a, q):
    """Solve X - A X Aᴴ = Q as one system for all elements of X."""
    n = len(a)
    system = np.zeros((n * n, n * n), a.dtype)
    for i in range(n):
        for j in range(n):
            for k in range(n):
                for m in range(n):
                    system[i * n + j, k * n + m] = -a[i, k] * np.conj(a[j, m])
            system[i * n + j, i * n + j] += 1.0
    return solve_vector(system, np.ascontiguousarray(q).reshape(n * n)).reshape((n, n))


@njit
def bilinear(a, q):
    """The continuous Lyapunov equation that has the same solution as a discrete one."""
    one = np.eye(len(a)).astype(a.dtype)
    adjoint = np.ascontiguousarray(np.conj(a.T))
    inverse = np.linalg.inv(adjoint + one)
    left = np.ascontiguousarray(np.conj(((adjoint - one) @ inverse).T))
    return left, -2.0 * (np.linalg.inv(a + one) @ np.ascontiguousarray(q) @ inverse)


@njit
def solve_discrete_lyapunov(a, q, is_bilinear):
    """`scipy.linalg.solve_discrete_lyapunov` for real numbers."""
    if not is_bilinear:
        return solve_small_lyapunov(a, q)
    left, right = bilinear(a, q)
    return solve_continuous_lyapunov(left, right)


@njit
def complex_solve_discrete_lyapunov(a, q, is_bilinear):
    """`scipy.linalg.solve_discrete_lyapunov` for complex numbers."""
    if not is_bilinear:
        return solve_small_lyapunov(a, q)
    left, right = bilinear(a, q)
    return complex_solve_continuous_lyapunov(left, right)


# ---- exponentials ----------------------------------------------------------------------------


@njit
def expm(a):
    """`scipy.linalg.expm` for one matrix: Padé's approximant of the scaled matrix, squared repeatedly."""
    norm = 0.0
    for j in range(len(a)):
        norm = max(norm, np.sum(np.abs(a[:, j])))
    if not np.isfinite(norm):
        return np.full_like(a, np.nan)
    halvings = max(0, int(np.ceil(np.log2(norm / 5.371920351148152)))) if norm > 5.0 else 0
    x = a * a.dtype.type(0.5**halvings)
    one = np.eye(len(a)).astype(a.dtype)
    b = PADE.astype(a.dtype)
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    odd = (
        x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * one
    )
    odd = x @ odd
    even = (
        x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * one
    )
    out = solve(even - odd, even + odd)
    for _ in range(halvings):
        out = out @ out
    return out


@njit
def expm_frechet(a, e):
    """The derivative of exp along e: the upper right block of exp([[a, e], [0, a]])."""
    n = len(a)
    blocks = np.zeros((2 * n, 2 * n), a.dtype)
    blocks[:n, :n] = a
    blocks[n:, n:] = a
    blocks[:n, n:] = e
    return expm(blocks)[:n, n:].copy()


# ---- roots and logarithms --------------------------------------------------------------------


@njit
def triangular(a):
    """The complex Schur form of a matrix and the Schur vectors, both in rows."""
    form, vectors = complex_schur(a.astype(np.complex128))
    return in_columns(form), in_columns(vectors)


@njit
def triangular_sqrt(t):
    """The square root of an upper triangular matrix, one diagonal after another."""
    n, out = len(t), np.zeros_like(t)
    for i in range(n):
        out[i, i] = np.sqrt(t[i, i])
    for distance in range(1, n):
        for i in range(n - distance):
            j = i + distance
            rest = t[i, j]
            for k in range(i + 1, j):
                rest -= out[i, k] * out[k, j]
            both = out[i, i] + out[j, j]
            out[i, j] = (
                rest / both if both != 0.0 else rest / np.complex128(0.0) if rest != 0.0 else 0.0
            )
    return out


@njit
def between_vectors(vectors, t):
    return vectors @ t @ np.ascontiguousarray(np.conj(vectors.T))


@njit
def has_real_function(t):
    """Whether a real matrix with this Schur form has a real square root and a real logarithm."""
    found = True
    for i in range(len(t)):
        if t[i, i].real < 0.0 and abs(t[i, i].imag) <= 1e-14 * abs(t[i, i]):
            found = False
    return found


@njit
def sqrtm(a):
    """`scipy.linalg.sqrtm` for a real matrix."""
    t, vectors = triangular(a)
    if not has_real_function(t):
        raise ValueError(
            "the square root of this matrix is complex, and only real ones are differentiated"
        )
    return between_vectors(vectors, triangular_sqrt(t)).real.astype(a.dtype)


@njit
def complex_sqrtm(a):
    """`scipy.linalg.sqrtm` for a complex matrix."""
    t, vectors = triangular(a)
    return between_vectors(vectors, triangular_sqrt(t)).astype(a.dtype)


@njit
def triangular_logm(t):
    """The logarithm of an upper triangular matrix: square roots until it is near 1, then an integral by quadrature."""
    n, halvings, root = len(t), 0, t.copy()
    one = np.eye(n).astype(t.dtype)
    while np.max(np.abs(root - one)) * n > 0.25 and halvings < 100:
        root = triangular_sqrt(root)
        halvings += 1
    part = root - one
    for i in range(n):  # the difference root - 1 has lost digits on the diagonal
        small = np.log(t[i, i]) * 0.5**halvings
        part[i, i] = (
            small * (1.0 + small * (0.5 + small * (1.0 / 6.0 + small / 24.0)))
            if abs(small) < 1e-4
            else root[i, i] - 1.0
        )
    out = np.zeros_like(t)
    for k in range(len(NODES)):
        out += WEIGHTS[k] * solve(one + NODES[k] * part, part)
    out *= 2.0**halvings
    for i in range(n):
        out[i, i] = np.log(t[i, i])
    return out


@njit
def logm(a):
    """`scipy.linalg.logm` for a real matrix."""
    t, vectors = triangular(a)
    if not has_real_function(t):
        raise ValueError(
            "the logarithm of this matrix is complex, and only real ones are differentiated"
        )
    return between_vectors(vectors, triangular_logm(t)).real.copy()


@njit
def complex_logm(a):
    """`scipy.linalg.logm` for a complex matrix."""
    t, vectors = triangular(a)
    return between_vectors(vectors, triangular_logm(t))
