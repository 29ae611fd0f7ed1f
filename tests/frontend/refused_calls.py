"""Expressions that are refused: what is written, arguments, part of the message, and part of the advice.

Each is the body of a function of `x` (and `n`); where more than the expression is needed, `;` stands between statements.
The caret is under the whole of what is written between `«` and `»`.
"""

# ruff: noqa: B016, B030, E501

import bisect
import cmath
import contextlib
import dataclasses
import functools
import itertools
import math
import operator

import numpy as np
from scipy import interpolate, linalg, ndimage, optimize, stats


class Own:
    """With methods that Python calls by itself."""

    def __init__(self, x):
        self._x = x

    @property
    def x(self):
        return self._x

    def __enter__(self):
        return self._x

    def __exit__(self, *error):
        pass

    def __getitem__(self, k):
        return self._x


class Child(Own):
    def above(self):
        return super().missing(self._x)


@dataclasses.dataclass
class Pair:
    a: float
    b: float


@dataclasses.dataclass(eq=False)
class Incomparable:
    a: float


def one(a):
    return a


def raised_inside(x):
    try:
        with Own(x) as v:
            return one(v)
    except ValueError:
        return x


@contextlib.contextmanager
def made(x):
    yield x


def entered(x):
    with made(x) as v:
        return v


def bound_late(x):
    late = (y := v for v in x)
    return sum(late) * y


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: float


def changes_a_frozen_object(x):
    made = Frozen(x)
    made.a = 2.0
    return made.a * x


class Twice:
    def __get__(self, obj, cls=None):
        return 2.0 * obj.one

    def __set__(self, obj, value):
        obj.one = value


class WithDescriptor:
    twice = Twice()

    def __init__(self, one):
        self.one = one


def with_a_descriptor(x):
    return WithDescriptor(x).twice


def longer_in_each_iteration(x):
    pair = (x, x)
    for _ in range(int(np.floor(x)) + 3):
        pair = (pair[1], x, x)
    return pair[0]


def caught_error(x):
    try:
        if x > 0:
            raise ValueError("large")
    except ValueError as error:
        return len(str(error))


def looked_at_late(x):
    d = {"a": x, "b": 2.0}
    values = d.values()
    d["a"] = 3.0
    return sum(values)


def kept_to_itself(x):
    with contextlib.suppress(ValueError):
        x = x * 2.0
    return x


def seen_outside(x):
    return sum([(w := v * v) for v in x]) * w


def caught(x):
    try:
        return one(x)
    except 3:
        return 0.0


def raised(x):
    if x < 0:
        raise 3
    return x


def unpacked(x):
    a, b = x
    return a * b


def assigned(own, x):
    own.x = x
    return own.x


def common_keys(x):
    d, e = {"a": x, "b": 2.0 * x}, {"b": 1.0, "c": 3.0}
    return sum(d[k] * e[k] for k in d.keys() & e.keys())


def joined(x):
    d = {"inner": {"u": x}}
    d["inner"] |= {"v": x * x}
    return d["inner"]["v"]


def starred(x):
    a, *b = x
    return a * b


def grown(x, n):
    terms = []
    for k in range(n):
        terms.append(x * k)
    return optimize.brentq(lambda y: y - sum(terms), 0.0, 9.0)


ONE, THREE = (1.5,), (np.array([1.0, 2.0, 4.0]),)
MATRIX = (np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 5.0]]),)
CUBE = (np.arange(8.0).reshape(2, 2, 2),)

LANGUAGE = [
    ("np.sum(«np.sin(lambda v: v)»)", THREE, "a function cannot be an argument here", "Pass numbers and arrays"),
    ("x * «len(x)»", ONE, "float64 has no length", "Use len() of"),
    ("«cmath.rect(x)».real", ONE, "cmath.rect takes an absolute value and an angle", ""),
    ("«one(x, x)»", ONE, "one() takes 1 positional arguments, 2 were given", ""),
    ("sum(x for _ in «range(x)»)", ONE, "range() takes integers, got float64", ""),
    ("Child(x).above()", ONE, "no base class of `Child` has a method `missing`", ""),
    ("raised_inside(x)", ONE, "an exception may leave this `with`, and be caught outside", "Catch it inside"),
    ("entered(x)", ONE, "`with` of a function that contextlib made of `made`", "Write a class with `__enter__`"),
    ("bound_late(x)", THREE, "`:=` in a generator expression that is evaluated later", "Use a loop"),
    ("changes_a_frozen_object(x)", ONE, "`Frozen` forbids setting its attributes, or defines its own way to set them", "Make a new object"),
    ("with_a_descriptor(x)", ONE, "`twice` is a descriptor, a Twice, which defines how the attribute is read and set", "Use a property"),
    ("longer_in_each_iteration(x)", ONE, "`pair` is another kind of value after an iteration than before the loop", "Give it the same structure"),
    ("«x.shape[3]» * x[0]", THREE, "the array has 1 axes, axis 3 does not exist", ""),
    ("caught_error(x)", ONE, "`error` is an exception, which is not a value here", "Give what it holds to a name"),
    ("sum(a for a, *_ in «itertools.product(x, repeat=len(x))»)", THREE, "there are too many items to write out", ""),
    ("len([*«itertools.product((1, 2, 3, 4), repeat=6)»]) * x", ONE, "too many items to write out", "loops over `range`"),
    ("sum(v for v in «itertools.repeat(x)»)", ONE, "there are too many items to write out", ""),
    ("sum(a for a, *_ in «itertools.combinations(x, 3)»)", THREE, "there are too many items to write out", ""),
    ("x * «np.zeros(2, order='F')»[0]", ONE, "the argument 'order' is not supported", ""),
    ("unpacked(x)", THREE, "the number of values to unpack and of names", ""),
    ("sum(sorted(x, key=lambda v: «np.trim_zeros(v)»))", THREE, "`trim_zeros` is not known", ""),
    ("looked_at_late(x)", ONE, "a container is changed while a view of it", "Make a list of the view"),
    ("sum(v for _, v in «np.ndenumerate(np.ones((1, 1, 1, 2)))») * x", ONE, "np.ndenumerate() goes through one to three axes here", "Write nested loops"),
    ("sum(i for i, *_ in «np.ndindex(1, 1, 1, 2)») * x", ONE, "np.ndindex() takes one to three lengths here", "Write nested loops"),
    ("«bisect.bisect_left([0.0, 1.0], x, 0, 1)» * x", ONE, "bisect() takes the items and a number here", "np.searchsorted"),
    ("kept_to_itself(x)", ONE, "may keep an exception from the caller", "Catch it with"),
    ("seen_outside(x)", THREE, "`w` is bound inside of a comprehension only", ""),
    ("«sorted([(v, v * v) for v in x])»[0][1]", THREE, "sorted() of list(tuple", "Sort by a key that is a number"),
    ("caught(x)", ONE, "`except` takes exceptions' classes", "Name the exceptions"),
    ("raised(x)", ONE, "`raise` takes an exception's class or a call of it", ""),
    ("unpacked(x)", ONE, "cannot unpack float64", "Unpack a tuple"),
    ("assigned(Own(x), x)", ONE, "the property `x` cannot be set", ""),
    ("common_keys(x)", ONE, "sets of keys are not supported", "[k for k in d.keys() if k in e]"),
    ("np.sum(«np.sin(x.mean)»)", THREE, "`.mean` cannot be an argument here", "Pass numbers and arrays"),
    ("joined(x)", ONE, "`|=` changes a dict inside of another container", "Call `.update` on it"),
    ("starred(x)", ONE, "into a starred name", "by position"),
    ("«np.copyto(x, 3.0)»", ONE, "cannot write into float64", "Pass an array with axes"),
    ("«np.copyto(x, x, casting='no')»", THREE, "np.copyto takes two arrays here", "a[mask] = b[mask]"),
    ("«max([])» * x", ONE, "max() of nothing", "Give a `default`"),
    ("«functools.reduce(operator.add, [])» * x", ONE, "there is nothing to take the first value from", "Give a start value"),
    ("«max([x, 1.0], reverse=True)»", ONE, "max() takes `key` and `default` only", ""),
    ("«np.inner(x)»", THREE, "np.inner takes two arrays", ""),
    ("«Pair(x)».a", ONE, "`Pair` misses the field `b`", ""),
    ("«dataclasses.replace((x, 1.0), a=2.0)»", ONE, "replace() takes a dataclass, not a tuple", "Make a new object"),
    ("«x[0]»", ONE, "float64 cannot be subscripted", "Only arrays and containers can"),
    ("x if «(x + 1) is (x + 1)» else 0.0", ONE, "`is` is supported for None, True, False", "Compare with `==`"),
    ("x if «Incomparable(x) == Incomparable(x)» else 0.0", ONE, "these objects are compared by identity", "Compare their fields"),
    ("«list(Own(x))»[0]", ONE, "`__getitem__` of Own is not called here", "Call a method of another name"),
    ("np.sum(«np.exp({'a': x})»)", THREE, "a dict is no array", "list(d.values())"),
    ("«np.sum(Own(x))»", ONE, "an Own is no array", "its attributes"),
    ("sum(a * b for a, b in «itertools.permutations(x, 2)»)", THREE, "there are too many items to write out", "loops over `range`"),
    ("«optimize.brentq(lambda y, s: y - x, 0.0, 9.0, args=(slice(1, 2),))»", ONE, "a slice cannot be passed to a solver's function", "one by one, in args"),
    ("«optimize.newton(lambda y: y * y - x, 1.0, fprime=lambda y: 2 * y * OFFSET[0])»", ONE, "`fprime` uses values that the function itself does not use", "in args"),
    ("grown(x, 3)", ONE, "list(float64) cannot be passed to a solver's function", "one by one, in args"),
]  # fmt: skip
LIBRARIES = [
    ("«np.fill_diagonal(1.0 * x, 0.0, wrap=True)»", MATRIX, "np.fill_diagonal takes matrices here, and no wrap=", "a[i, i] = v"),
    ("x.ravel()[«np.ravel_multi_index((1, 2), x.shape, order='F')»]", MATRIX, "np.ravel_multi_index takes the order 'C' here", "Reverse the axes"),
    ("x[«np.unravel_index(4, x.shape, order='F')»]", MATRIX, "np.unravel_index takes the order 'C' here", "Reverse the axes"),
    ("«np.intersect1d(x, x, return_indices=True)»[0].sum()", THREE, "np.intersect1d gives no indices here", "np.isin"),
    ("«np.logspace(x[0], x[1], 5, base=x)».sum()", THREE, "np.logspace takes one base here", "np.linspace"),
    ("«np.nan_to_num(x, copy=False)».sum()", THREE, "np.nan_to_num(copy=False) writes its argument", "np.nan_to_num(x)"),
    ("«np.r_[1:]».sum() * x.sum()", THREE, "a range in np.r_ has an end", "start:stop"),
    ("«np.exp(x, where=x > 0.0, dtype=np.float32)».sum()", THREE, "a ufunc takes where= or dtype= here, not both", "astype"),
    ("«np.concatenate(x)».sum()", THREE, "zero-dimensional arrays cannot be concatenated", "np.stack"),
    ("«np.nanmean(x.astype(int), where=x > 0.0)»", THREE, "where= of integers has no NaN here", "floats"),
    ("«np.var(x, dtype=complex)»", THREE, "np.var of real numbers in a complex dtype is not differentiated", "dtype="),
    ("np.abs(«np.real_if_close(x + 1j)»).sum()", THREE, "whether np.real_if_close gives real numbers depends on the values", "np.real"),
    ("np.abs(«np.interp(x + 1j, x, x)»).sum()", THREE, "np.interp takes real x and xp", "real parts"),
    ("«stats.multivariate_normal.entropy(np.zeros(2), x)»", ONE, "multivariate_normal.entropy takes a matrix", "np.diag(variances)"),
    ("«stats.multivariate_normal.pdf(x)».sum()", THREE, "multivariate_normal takes a mean, or a matrix", "scipy.stats.norm"),
    ("«ndimage.correlate(x, np.ones((3, 3)), origin=1)».sum()", MATRIX, "ndimage filters with output= or origin= are not differentiated", "Leave them out"),
    ("«ndimage.correlate(x, np.ones((3, 3)), mode='grid-mirror')».sum()", MATRIX, "ndimage filters with mode='grid-mirror' are not differentiated", "another mode"),
    ("«ndimage.map_coordinates(x, np.array([[0.5], [1.2]]), order=1, mode='reflect')».sum()", MATRIX, "map_coordinates is differentiated with mode='constant' and mode='nearest'", "one of these"),
    ("«interpolate.CubicSpline(np.arange(3.0), x, bc_type='periodic')»(1.5)", THREE, "CubicSpline with bc_type='periodic' is not differentiated", "'natural'"),
    ("«np.linalg.qr(x, mode='raw')»[0].sum()", MATRIX, "Householder reflectors are not differentiated", "'reduced'"),
    ("«np.polyfit(np.arange(3.0), x, 1, full=True)»[0].sum()", THREE, "np.polyfit gives coefficients only here", "Leave full="),
    ("«np.quantile(x, 0.5, weights=np.ones(3), method='inverted_cdf')»", THREE, "np.quantile takes no weights= here", "np.argsort"),
    ("«np.nanquantile(x, 0.5, weights=np.ones(3), method='inverted_cdf')»", THREE, "np.nanquantile takes no weights= here", "np.argsort"),
    ("«np.pad(x, 1, mode='empty')».sum()", THREE, "np.pad takes no mode 'empty' here", "np.concatenate"),
    ("«x.view(np.int64)».sum()", THREE, "x.view(dtype) reinterprets the memory of numbers", "x.astype(dtype)"),
    ("«np.subtract.reduce(x, axis=(0, 1))»", MATRIX, "this ufunc is reduced along one axis", "Give axis= a number"),
    ("«linalg.qr(x, pivoting=True)»[1].sum()", MATRIX, "scipy.linalg.qr is differentiated without pivots", "Leave pivoting= out"),
    ("«linalg.qr(x, mode='r')»[0].sum()", MATRIX, "scipy.linalg.qr is not differentiated in mode='r'", "mode='economic'"),
    ("«linalg.solve(x + 0j, np.ones(3), assume_a='her')».real.sum()", MATRIX, "SciPy takes real diagonals of such matrices only", "Leave assume_a out"),
    ("«np.unique(x, axis=0)».sum()", MATRIX, "np.unique takes no axis= here", "equal rows"),
    ("«np.max(x, where=x > 1)»", MATRIX, "np.max of a part needs initial=", "the maximum of an empty part"),
    ("«np.min(x, where=x > 1)»", MATRIX, "np.min of a part needs initial=", "the minimum of an empty part"),
    ("«np.sin(x, casting='no')».sum()", MATRIX, "`np.sin` does not take the argument `casting` here", "Leave it out."),
    ("«np.modf(x, out=(x, x, x))»[0]", MATRIX, "np.modf writes 2 arrays, not 3", "one array for each"),
    ("«np.add(x, 1.0, where=x > 1)».sum()", MATRIX, "a ufunc with where= leaves elements unset", "Give out="),
    ("«np.add.reduce(x, dtype=np.float32)».sum()", MATRIX, "this ufunc's method takes no dtype= here", "astype before"),
]  # fmt: skip
OFFSET = np.ones(3)
NAMES = {k: v for k, v in globals().items() if not k.startswith("_")}
__all__ = [
    "LANGUAGE", "LIBRARIES", "NAMES", "bisect", "cmath", "functools", "interpolate", "itertools", "linalg", "math", "ndimage",
    "operator", "optimize", "stats",
]  # fmt: skip
