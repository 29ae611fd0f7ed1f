"""One-hot products: selections in the place of products with rows of the identity, and no others."""

import numpy as np
import pytest
from fuzz.compare import function_of
from transforms.passes import changed, program

import srcdiff
from srcdiff.ir.core import Op, walk
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.linalg.one_hot_products import unit_vectors

RNG = np.random.default_rng(0)
ARGS = RNG.normal(size=(3, 3)), RNG.normal(size=3), 0.7, 1
LOOP = """
    def f(%A: float64[n, n], %c: float64[n], %s: float64, %at: int64) -> 0 {{
      %0: int64{{n}} = axis_length[axis=0] %A
      %r: float64[n, n] = zeros[dtype='float64'] %0, %0
      %e: float64[n, n] = {eye}
      for 0, %0, 1 {{
        (%k: int64{{k}}) ->
        %u: float64[n] = index[where='i'] %e, %k ;adjoint
        {lines}
        store[where='i, i'] %r, {yielded}, %k, %at
        yield
      }}
      yield %r
    }}
"""
EYE = "eye %0"
FACTORS = {
    "%u": (),
    "%c * %u": ("%u1: float64[n] = multiply %c, %u ;adjoint",),
    "%s * %u": ("%u1: float64[n] = multiply %u, %s ;adjoint",),
    "%s * (%c * %u)": (
        "%u2: float64[n] = multiply %u, %c ;adjoint",
        "%u1: float64[n] = multiply %s, %u2 ;adjoint",
    ),
    "sin(%c) * %u": (
        "%d: float64[n] = sin %c ;adjoint",
        "%u1: float64[n] = multiply %d, %u ;adjoint",
    ),
    "cumsum(%c) * %u": (
        "%d: float64[n] = cumsum %c ;adjoint",
        "%u1: float64[n] = multiply %d, %u ;adjoint",
    ),
}
TAKEN = {
    "sum": ("%p: float64! = sum {u} ;adjoint",),
    "a row": ("%q: float64[n] = matmul {u}, %A ;adjoint", "%p: float64! = sum %q ;adjoint"),
    "a column": ("%q: float64[n] = matmul %A, {u} ;adjoint", "%p: float64! = sum %q ;adjoint"),
    "of a transpose": (
        "%T: float64[n, n] = transpose %A ;adjoint",
        "%q: float64[n] = matmul %T, {u} ;adjoint",
        "%p: float64! = sum %q ;adjoint",
    ),
    "an element": ("%p: float64! = matmul {u}, %c ;adjoint",),
    "dot": ("%p: float64! = dot %c, {u} ;adjoint",),
}


def products(fn):
    return [
        s.decl.name for s in walk(fn.body) if isinstance(s, Op) and s.decl.name in ("matmul", "dot")
    ]


@pytest.mark.parametrize("taken", TAKEN)
@pytest.mark.parametrize("factor", FACTORS)
def test_products_with_rows_of_the_identity_select(factor, taken):
    lines = (*FACTORS[factor], *TAKEN[taken])
    name = "%u" if factor == "%u" else "%u1"
    for eye in (EYE, "eye %0, %0", "eye[k=1] %0"):
        text = LOOP.format(eye=eye, lines="\n        ".join(lines).format(u=name), yielded="%p")
        new = changed(unit_vectors, program(text), *ARGS)
        is_selected = eye == EYE and not (taken == "sum" and factor == "%u")
        sums = to_text(new).count("= sum")
        assert (not products(new)) == (eye == EYE or taken == "sum")
        assert sums == ("sum %q" in text or (not is_selected and taken == "sum"))


@pytest.mark.parametrize(
    "lines",
    [
        ("%p: float64! = sum %u",),  # of the user's own
        ("%w: float64[n] = copy %c", "store[where='i'] %w, 5.0, 1", "%p: float64! = matmul %u, %w ;adjoint"),
        ("%p: float64! = sum[axis=0] %u ;adjoint",),
        ("%v: float64[n] = copy %u", "store[where='i'] %v, 5.0, 1", "%p: float64! = matmul %v, %c ;adjoint"),
        ("%w: float64[n] = copy %c", "%v: float64[n] = multiply %w, %u ;adjoint",
         "%p: float64! = sum %v ;adjoint", "store[where='i'] %w, 5.0, 1"),
        ("%v: float64[n, n] = multiply %A, %u ;adjoint", "%q: float64[n] = matmul %v, %c ;adjoint",
         "%p: float64! = sum %q"),
    ],
)  # fmt: skip
def test_what_is_the_users_or_written_stays(lines):
    text = LOOP.format(eye=EYE, lines="\n        ".join(lines), yielded="%p")
    assert to_text(changed(unit_vectors, program(text), *ARGS)) == to_text(program(text))


OF_ZEROS = {
    "multiply %z, %c": True,
    "multiply %c, %z": True,
    "add %z, %c": False,
    "add %z, %z": True,
    "negative %z": True,
    "divide %z, %s": False,
    "exp %z": False,
    "maximum %z, %c": False,
    "where %m, %z, %c": False,
    "where %m, %z, 0.0": True,
    "power %c, %z": False,
    "matmul %A, %z": True,
}


@pytest.mark.parametrize("zeros", ["zeros[dtype='float64'] %0", "zeros_like %c"])
@pytest.mark.parametrize("operation", OF_ZEROS)
def test_linear_operations_on_zeros_are_zeros(operation, zeros):
    fn = program(f"""
        def f(%A: float64[n, n], %c: float64[n], %s: float64, %at: int64) -> 0 {{
          %0: int64{{n}} = axis_length[axis=0] %A
          %z: float64[n] = {zeros} ;adjoint
          %m: bool[n] = greater %c, 0.1
          %p: float64[n] = {operation} ;adjoint
          %q: float64[n] = multiply %p, %c ;adjoint
          yield %q
        }}
    """)
    new = changed(unit_vectors, fn, *ARGS)
    assert (operation.split()[0] not in to_text(new)) == OF_ZEROS[operation]


@pytest.mark.parametrize("zero", ["0.0", "%z"])
@pytest.mark.parametrize("operation", ["multiply %s, {}", "negative {}"])
def test_linear_operations_on_the_number_zero_are_zero(operation, zero):
    fn = program(f"""
        def f(%c: float64[n], %s: float64) -> 0 {{
          %o: float64[n] = zeros_like %c ;adjoint
          %z: float64! = dot %o, %c ;adjoint
          %p: float64! = {operation.format(zero)} ;adjoint
          yield %p
        }}
    """)
    assert "yield 0.0" in to_text(changed(unit_vectors, fn, *ARGS[1:3]))


SLICES = {
    "stored": "P[1, 0:i] = 0.5 * A[n, 0:i]",
    "added": "P[1, i:] += A[2, i:] * A[0, i:]",
    "of both": "P[1:i] = A[0 : i - 1] - A[1:i] * x",
    "named": "row = A[n, :i]\n        P[0, :i] = row",
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("line", SLICES)
def test_slices_of_zeros_keep_their_lengths(line, jit):
    """A slice of a direction that is zero shows how long what is stored is."""
    text = f"""import numpy as np


def f(A, x, n):
    P = A * x
    for i in range(1, n):
        {SLICES[line]}
    return P
"""
    f = function_of(text)
    A, x = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    found, expected = (
        srcdiff.jacobian(f, argnums=(0, 1), mode=mode, jit=jit)(A, x, 3)
        for mode in ("forward", "reverse")
    )
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)
