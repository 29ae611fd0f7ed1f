"""Calls whose operands are refused, and what the messages say to write in their place.

Each is an expression of `x`, its arguments, part of the message, part of the advice, and the expression as it is advised
(empty where the message advises another program). The caret is under what is between `«` and `»`.
"""

# ruff: noqa: E501

import numpy as np
from frontend.refused_calls import CUBE, MATRIX, ONE, THREE


def adds_at(x):
    parts = [x, x]
    np.add.at(parts, 0, 1.0)
    return parts[0]


def adds_to(x):
    parts = [x, x]
    parts[0] += 1.0
    return parts[0]


def stores(x):
    y = x.copy()
    y[:2] = x
    return np.sum(y)


def sets_a_row(x):
    y = x.copy()
    y[0] = x
    return np.sum(y)


def sets_an_element(x):
    y = x.copy()
    y[0] = x[:1]
    return np.sum(y)


def multiplies_a_row(x):
    y = np.ones((2, x.shape[1]))
    y[1] *= x[:1]
    return np.sum(y)


def divides_all(x):
    y = np.ones(x.shape[1])
    y /= x[:1]
    return np.sum(y)


def multiplies_a_row_of_its_shape(x):
    y = np.ones((2, x.shape[1]))
    y[1] *= x[0]
    return np.sum(y)


def stores_part(x):
    y = x.copy()
    y[:2] = x[:2]
    return np.sum(y**2)


def sets_attribute(x):
    x.flags = 3
    return np.sum(x)


def at_a_truth_value(x):
    y = x.copy()
    y[x[0] > 0] = 2.0
    return np.sum(y)


def where_it_is_true(x):
    y = x.copy()
    if x[0] > 0:
        y[:] = 2.0 * x[0]
    return np.sum(y)


def on_a_diagonal(x):
    d = np.diagonal(x * 1.0)
    d[0] = 1.0
    return np.sum(d)


def on_its_copy(x):
    d = np.diagonal(x * 1.0).copy()
    d[0] = 1.0
    return np.sum(d**2)


def by_einsum(x):
    y = x * 1.0
    np.einsum("ii->i", y)[:] = x[0]
    return np.sum(y**2)


def by_index(x):
    y = x * 1.0
    for i in range(3):
        y[i, i] = x[0, i]
    return np.sum(y**2)


def part_of_one_or_other(x):
    z = x + 1j * x
    part = z.real if x[0] > 0 else z.imag
    part[0] = 2.0
    return np.sum(z.real)


def part_where_it_is_taken(x):
    z = x + 1j * x
    if x[0] > 0:
        z.real[0] = 2.0 * x[1]
    else:
        z.imag[0] = 2.0
    return np.sum(z.real**2)


def maybe_copy(x):
    y = x * 2.0
    z = np.ascontiguousarray(y)
    z[0] = 1.0
    return np.sum(y)


def surely_copy(x):
    y = x * 2.0
    z = y.copy()
    z[0] = 1.0
    return np.sum(y * z)


def kept_diagonal(x):
    y = x * 1.0
    ds = []
    for _ in range(2):
        ds.append(np.diagonal(y))
        y[0, 0] *= 2.0
    return np.sum(ds[0] * ds[1])


def kept_copies(x):
    y = x * 1.0
    ds = []
    for _ in range(2):
        ds.append(np.diagonal(y).copy())
        y[0, 0] *= 2.0
    return np.sum(ds[0] * ds[1])


def at_a_number(x):
    squares = [v * v for v in x]
    return squares[x[0]]


def in_place(x):
    y = x.copy()
    np.nan_to_num(y, copy=False)
    return np.sum(y)


def written_back(x):
    y = x.copy()
    y[...] = np.nan_to_num(y)
    return np.sum(y**2)


DTYPE = "See NumPy's documentation"
SHAPES = "Check the shapes"
ROWS = [
    ("np.sum(x * «np.zeros(3, dtype=[('a', float)])»['a'])", THREE, "this dtype is none of numbers", DTYPE, "np.sum(x * np.zeros(3, dtype=float))"),
    ("np.sum(x * «np.zeros(3, dtype='U3')»)", THREE, "<U3 are not read; take arrays of numbers", DTYPE, ""),
    ("np.sum((«x & True») * x)", THREE, "&, |, ^ and ~ take booleans and integers", "", "np.sum(((x > 1.5) & True) * x)"),
    ("np.sum(«np.subtract(x > 1.5, x > 1.0)» * x)", THREE, "booleans; use ^ or ~", "", "np.sum(((x > 1.5) ^ (x > 1.1)) * x)"),
    ("«np.sum(x, axis=(0, 0))»", MATRIX, "axis (0, 0) names an axis twice", "", "np.sum(x, axis=(0, 1))"),
    ("«np.sum(x, axis=4)»", MATRIX, "axis 4 is out of bounds: the array has 2 axes", "", ""),
    ("«np.convolve(x, x)».sum()", MATRIX, "convolutions are of vectors", "", "np.convolve(x[0], x[1]).sum()"),
    ("«np.array(x, copy=False)».sum()", THREE, "np.array makes a copy here; write np.asarray(x) for the array itself", "", "np.asarray(x).sum()"),
    ("np.sum(«np.array([x, [x]])»)", ONE, "the rows of an array must have the same length", DTYPE, "np.sum(np.array([[x], [x]]))"),
    ("np.sum(«np.array([x, x[:2]])»)", THREE, "rows of lengths 3 and 2 differ", SHAPES, "np.sum(np.array([x, x]))"),
    ("«np.einsum('i->')» * x[0]", THREE, "np.einsum takes one array at least", "", "np.einsum('i->', x) * x[0]"),
    ("np.sum(«np.where(x, x, 0.0)»)", THREE, "the condition of np.where is not boolean; write x != 0", "", "np.sum(np.where(x != 0, x * x, 0.0))"),
    ("«round(x)»[0]", THREE, "round takes one number; np.round takes arrays", "", "np.round(x)[0] * x[0]"),
    ("«np.fft.fft(x)».real", ONE, "a Fourier transform is one of arrays", "", ""),
    ("«x @ x»", ONE, "@ takes arrays; multiply numbers with *", "", "x * x"),
    ("«np.nonzero(x)»[0] * x", ONE, "a number has no places; compare it, or give it an axis", "", "np.nonzero(np.array([x]))[0][0] * x"),
    ("x.ravel()[«np.flatnonzero(x > 1.0)»].sum()", MATRIX, "np.flatnonzero takes a vector here; use x.ravel()", "", "x.ravel()[np.flatnonzero(x.ravel() > 1.1)].sum()"),
    ("«np.linalg.inv(x)».sum()", THREE, "inv takes matrices, not 1 axes", "", ""),
    ("«np.matmul(np.ones((2, 3, 3)), np.ones((3, 3, 3)) * x[0])».sum()", THREE, "axes of lengths 2 and 3 differ", SHAPES, "np.matmul(np.ones((3, 3, 3)), np.ones((3, 3, 3)) * x[0]).sum()"),
    ("«np.ones((2, 2)) @ x»", THREE, "the axes that @ sums over of lengths 2 and 3 differ", SHAPES, "np.sum(np.ones((2, 3)) @ x)"),
    ("«np.reshape(x, (-1, -1))».sum()", THREE, "reshape can find only one unknown length", "", "np.reshape(x, (-1, 1)).sum()"),
    ("«np.sort(x)»", ONE, "a number has no order; give it an axis", "", "np.sort(np.array([x]))[0]"),
    ("x[0, 0] * «np.searchsorted(x, 1.5)»", MATRIX, "what is searched is a sorted vector", "", "x[0, 0] * np.searchsorted(np.sort(x[0]), 0.7)"),
    ("«np.transpose(x, (0, 0))».sum()", MATRIX, "axes (0, 0) are not the 2 axes in another order", "", "np.transpose(x, (1, 0))[0].sum()"),
    ("«np.diag(x)».sum()", CUBE, "a diagonal is taken of a matrix or made of a vector", "", "np.diag(x[0]).sum()"),
    ("«np.diagonal(x)».sum()", THREE, "diagonal takes a matrix", "", "np.diagonal(np.outer(x, x)).sum()"),
    ("«np.tril(x)».sum()", THREE, "a triangle is taken of a matrix", "", "np.tril(np.outer(x, x)).sum()"),
    ("«complex(x)».real", THREE, "complex takes numbers; of arrays, write x + 1j * y", "", "np.sum((x + 1j * x).real)"),
    ("«float(x)»", THREE, "an array is not one number; take an element, or use x.astype", "", "float(x[0])"),
    ("«cmath.exp(x, x)».real", ONE, "cmath.exp takes one number", "", "cmath.exp(x).real"),
    ("np.sum(«math.sin(x)»)", THREE, "`math.sin` takes numbers, not arrays", "Use `np.sin`", "np.sum(np.sin(x))"),
    ("«np.einsum('kii->k', x[:, :1])».sum()", CUBE, "the axes 'i' of lengths 1 and", "", "np.einsum('kii->k', x[:, :, :2]).sum()"),
    ("«np.tensordot(x, x[:1], axes=(0, 0))».sum()", MATRIX, "summed axes of lengths 3 and 1 differ", "Check the axes", "np.tensordot(x, x, axes=(0, 0)).sum()"),
    ("sets_a_row(x)", MATRIX, "leading axes of lengths 3 and 1 differ", "must have the shape of the part", ""),
    ("multiplies_a_row(x)", MATRIX, "an array with more axes than the part is written", "must have the shape of the part", "multiplies_a_row_of_its_shape(x)"),
    ("divides_all(x)", MATRIX, "an array with more axes than the part is written", "must have the shape of the part", ""),
    ("«np.multiply(x[0], x[:1], out=x[0].copy())».sum()", MATRIX, "a result with more axes than its out= has", "Pass an array with the shape", "np.multiply(x[0], x[:1], out=x[:1].copy()).sum()"),
    ("sets_an_element(x)", THREE, "an array with more axes than the part is written", "must have the shape of the part", "stores_part(x)"),
    ("«cmath.polar(x, x)»[0]", ONE, "cmath.polar takes one number", "", "cmath.polar(x + 1j)[0]"),
    ("adds_at(x)", ONE, "np.add.at adds to an array", "Write `+=` for a container", "adds_to(x)"),
    ("stores(x)", THREE, "lengths 2 and 3 differ", "must have the shape of the part", "stores_part(x)"),
    ("sets_attribute(x)", THREE, "the attribute `flags` of an array cannot be set here", "Write the elements", ""),
    ("at_a_truth_value(x)", THREE, "a single truth value is not an index", "Use `if`", "where_it_is_true(x)"),
    ("on_a_diagonal(x)", MATRIX, "this writes into what `diagonal` gave, which NumPy makes read-only", "into a copy (`.copy()`)", "on_its_copy(x)"),
    ("by_einsum(x)", MATRIX, "this writes into a view that np.einsum made", "by its index (`A[i, i] = v`", "by_index(x)"),
    ("part_of_one_or_other(x)", THREE, "this writes into what may be a real or imaginary part of different arrays", "where it is taken (`z.real[i] = v`)", "part_where_it_is_taken(x)"),
    ("maybe_copy(x)", THREE, "gave, which may be a copy or the array itself", "Take a copy (`A.copy()`) and write into it", "surely_copy(x)"),
    ("kept_diagonal(x)", MATRIX, "the array that `diagonal` takes is written later, and its result would show the change", "a copy of the array", "kept_copies(x)"),
    ("at_a_number(x)", THREE, "a place on a list is an integer, not", "", "[v * v for v in x][int(x[0] + 0.5)]"),
    ("«(x, 1.0)[2]»", ONE, "2 is not a position in a tuple of 2 parts", "", "(x, 1.0)[0]"),
    ("{**«x»}['a']", ONE, "`**` takes a dict of known keys", "List the keys one by one", "{'a': x}['a']"),
    ("[v for v in «iter(one, 3)»][0]", ONE, "iter() of a function and a value to stop at", "Write a `while` loop", ""),
    ("«np.average(x, weights=np.ones(7))»", THREE, "axes of lengths 3 and 7 differ", SHAPES, "np.average(x, weights=np.ones(3))"),
    ("«np.gradient(x, 1.0, 2.0)».sum()", THREE, "np.gradient takes one distance, or one for each axis", "Give one for each axis", "np.gradient(x, 2.0).sum()"),
    ("«interpolate.CubicSpline(np.arange(3.0), x)»(1.5, 4)", THREE, "CubicSpline has derivatives up to the third here", "pass 1, 2 or 3", "interpolate.CubicSpline(np.arange(3.0), x, bc_type='natural')(1.5, 3)"),
    ("«np.ravel(x, order='A')».sum()", MATRIX, "elements are taken in the order 'C' or 'F' here, not 'A'", "Leave it out", "np.ravel(x).sum()"),
    ("«np.multiply.at(x * 1.0, np.array([[0, 1]]), 3.0)»", THREE, "this ufunc's `at` takes index arrays with one axis here", "Write `a[i] = f(a[i])`", ""),
    ("«operator.iadd(x)»", ONE, "the functions of `operator` take two arguments by position", "", "operator.iadd(x, x)"),
    ("«operator.setitem(x, 0)»", THREE, "operator.setitem takes three arguments by position", "", ""),
    ("«np.triu_indices(x)»[0].sum() * x", ONE, "the lengths of a triangle must be integers", "", "np.triu_indices(int(x))[0].sum() * x"),
    ("«np.zeros(x)».sum()", ONE, "the lengths of a shape must be integers", DTYPE, "np.zeros(int(x)).sum() * x"),
    ("in_place(x)", THREE, "np.nan_to_num(copy=False) writes its argument", "Write x[...] = np.nan_to_num(x)", "written_back(x)"),
    ("«x.copy().resize(2)»", THREE, "the method `.resize` of float64", "np.resize", "np.sum(np.resize(x, 2))"),
]  # fmt: skip
OPERANDS = {k: v for k, v in globals().items() if not k.startswith("_")}
