"""Objects, helpers and containers of dynamic programs: what their methods and operators compute is differentiated."""

# ruff: noqa: C405

import dataclasses
import enum
import functools
import typing

import numpy as np
import pytest

import srcdiff

x3 = np.array([0.5, -1.2, 0.8])

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")


class Squared:
    """A descriptor: what is set is squared, what is got is twice that."""

    def __set_name__(self, owner, name):
        self.name = f"_{name}"

    def __get__(self, owner, cls=None):
        return getattr(owner, self.name) * 2.0

    def __set__(self, owner, v):
        setattr(owner, self.name, v**2)


class Described:
    part = Squared()

    def __init__(self, v):
        self.part = v


NAMES = {"a"}  # a set from outside has no order that could be known


class Removing:
    def __init__(self, x):
        self.kept, self.lost = {"a": x[0], "b": x[1], "c": x[2]}, 0.0

    def __delitem__(self, key):
        self.lost = self.lost * 2.0 + self.kept.pop(key)


class Base:
    scale = 2.0

    def __init__(self, v):
        self.__hidden = v
        self._p = v * self.scale

    @property
    def p(self):
        return self._p * 1.5

    @p.setter
    def p(self, v):
        self._p = v**2

    @classmethod
    def make(cls, v):
        return cls(v + 1.0)

    @staticmethod
    def twice(v):
        return 2.0 * v

    def hidden(self):
        return self.__hidden * 3.0

    @functools.cached_property
    def cp(self):
        return self._p**2


class Derived(Base):
    def __init__(self, v, w):
        super().__init__(v)
        self.w = w

    @classmethod
    def make(cls, v):
        return cls(v * 2.0, v)

    def hidden(self):
        return super().hidden() + self.w

    def __getitem__(self, k):
        return (self.w * 2.0) if isinstance(k, slice) else self.w * k

    def __enter__(self):
        self.w = self.w * 2.0
        return self

    def __exit__(self, *e):
        self.w = self.w + self._p
        return False

    def __contains__(self, k):
        return k > 0

    def __iter__(self):
        self.n = 0
        return self

    def __next__(self):
        self.n += 1
        if self.n > 3:
            raise StopIteration
        return self.w * self.n

    def __rmul__(self, o):
        return o * self.w

    def __iadd__(self, o):
        self.w = self.w + o
        return self

    def __lt__(self, o):
        return self.w < o.w


def methods_of_all_kinds(x):
    for _ in {1}:
        d = Derived(x[0], x[1])
    d.p = x[2]
    t = d.hidden() + d.p + Base.twice(x[0]) + d.make(x[1]).w + d[1:] + d[3] + d.cp
    with d as e:
        t = t + e.w
    t = t + 2.0 * d
    d += x[0]
    return t * d.w + sum(d) + sorted([d, Derived(x[1], x[2])])[0].w


def deco(f):
    @functools.wraps(f)
    def inner(*args, **kw):
        return 2.0 * f(*args, **kw)

    return inner


@deco
def helper(v, *, k=1.0):
    return v * k


def decorated_helper(x):
    for _ in {1}:
        y = helper(x[0], k=x[1])
    return y


BUF = np.zeros(3)


def buffer_from_outside(x):
    for i in set((0, 1, 2)):
        BUF[i] = x[i] ** 2
    return BUF[0] * BUF[1]


def nonlocal_in_a_recursion(x):
    total = 0.0

    def visit(k):
        nonlocal total
        total += x[k] ** 2
        if k:
            visit(k - 1)

    visit(2)
    for _ in {1}:
        total = total * x[0]
    return total


class NT(typing.NamedTuple):
    u: float
    v: float

    def prod(self):
        return self.u * self.v


def named_tuples(x):
    for _ in {1}:
        n = NT(x[0], v=x[1])
    return n.prod() * n._replace(u=x[2]).u + n[0]


@dataclasses.dataclass(order=True)
class DC:
    k: float
    v: float = 1.0


def dataclasses_in_order(x):
    items = [DC(-v, v * 2) for v in x for _ in {1}]
    items.sort()
    r = dataclasses.replace(items[0], v=x[1])
    return items[0].v * max(items).k + dataclasses.asdict(r)["v"]


class Color(enum.Enum):
    RED = 1.5

    def apply(self, v):
        return v * self.value


def method_of_an_enumeration(x):
    for c in {Color.RED}:
        y = c.apply(x[0])
    return y * x[1]


def match_in_a_recursion(x):
    out = []

    def rec(t):
        match t:
            case [u, *rest]:
                out.append(u * x[0])
                rec(rest)
            case []:
                pass

    rec(list(x))
    return sum(out)


def functions_by_key(x):
    fs = {"a": lambda v: v**2, "b": np.sin}
    return sum(fs[k](x[j]) for j, k in enumerate("aba"))


def groups(x, *, n=2):
    acc = {}
    for v in x:
        acc.setdefault(int(v > 0), []).append(v)
    return {k: np.prod(np.array(v)) for k, v in acc.items()}[1] * n


def matrix_in_place(x):
    y = x.astype(float)
    A = np.outer(y, y)
    for r in {0, 2}:
        A[r] += A[:, r]
        A[:, 1][A[:, 1] > 0] *= y[r]
    A[np.ix_([0, 1], [1, 2])] -= 0.5 * y[0]
    return np.trace(A @ A) + A.diagonal().sum() + np.where(A > 0, A, 0.1 * A).mean()


def imported_inside(x):
    import math as m

    import scipy.special as sp

    g = (m.exp(v) + sp.gammaln(v + 3) for v in x)
    return next(g) * sum(g)


def deleted_by_a_method(x):
    removing, given = Removing(x), {"a": x[1]}
    for key in {"b": 1, "a": 2}:
        del removing[key]
        given.pop("a", None)
    given["c"] = x[0]
    del given["c"]
    return removing.lost * removing.kept["c"] + len(given)


def set_and_got_by_a_descriptor(x):
    for _ in NAMES:
        described = Described(x[0])
        described.part = described.part + x[1]
        described.part *= x[2]
    return described.part * x[0]


PROGRAMS = [
    set_and_got_by_a_descriptor,
    deleted_by_a_method,
    methods_of_all_kinds,
    decorated_helper,
    buffer_from_outside,
    nonlocal_in_a_recursion,
    named_tuples,
    dataclasses_in_order,
    method_of_an_enumeration,
    match_in_a_recursion,
    functions_by_key,
    groups,
    matrix_in_place,
    imported_inside,
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_what_objects_compute_is_differentiated(f):
    srcdiff.check_grads(f, x3)


def test_descriptors_have_no_types():
    def f(x):
        described = Described(x)
        described.part *= 3.0
        return described.part

    with pytest.warns(srcdiff.DynamicWarning, match="`part` is a descriptor, a Squared"):
        value, slope = srcdiff.value_and_grad(f)(0.5)
    assert value == pytest.approx(f(0.5), rel=1e-12)
    assert slope == pytest.approx((f(0.5 + 1e-6) - f(0.5 - 1e-6)) / 2e-6, rel=1e-8)


class Shift(float):
    def __mul__(self, other):
        return float(self) * other + 1.0


def test_numbers_of_classes_of_their_own_are_refused():
    with pytest.raises(
        srcdiff.UnsupportedError, match="Shift is a class of numbers of its own"
    ) as caught:
        srcdiff.grad(lambda x: Shift(x) * x)(0.5)
    assert caught.value.advice.startswith("Keep the number in an attribute")


class Way(enum.Enum):
    TWICE = "twice"
    SQUARED = "squared"

    def of(self, v):
        return v * 2.0 if self is Way.TWICE else v**2


def test_members_of_enumerations_are_looked_up():
    def f(x):
        total = x[0]
        for name in {"squared": 1, "twice": 2}:
            total = Way(name).of(total) + x[1]
        for name in NAMES:
            total *= Way("squared").of(x[2]) * len(name)
        return total

    srcdiff.check_grads(f, x3)


class Scaled:
    __slots__ = ("factor", "inner")

    def __init__(self, factor, inner):
        self.factor, self.inner = factor, inner

    def of(self, x):
        return self.factor * np.sum(self.inner.x * x) ** 2


class Weighed:
    __slots__ = ("__weight", "v")

    def __init__(self, weight, v):
        self.__weight, self.v = weight, v

    def of(self):
        return self.__weight * self.v**2

    def parts(self):
        return self.__weight, self.v


def test_private_slots_are_attributes():
    assert srcdiff.grad(lambda a: a.of())(Weighed(2.0, 3.0)).parts() == (9.0, 12.0)


class Called(Scaled):
    def __call__(self, x):
        return self.of(x)


class Inner:
    def __init__(self, x, count=3):
        self.x, self.count = x, count


def test_every_derivative_is_with_respect_to_objects_and_what_holds_them():
    x = x3[:2]
    make = lambda a, v: Called(a, Inner(v))
    parts = lambda s: np.array([s.factor, *s.inner.x])
    f = lambda s: s(x3[1:])
    plain = lambda p: p[0] * np.sum(p[1:] * x3[1:]) ** 2
    at, along = np.array([2.0, *x]), np.array([0.3, -0.5, 0.7])
    objects, tangents = make(2.0, x), make(0.3, along[1:])
    expected = srcdiff.grad(plain, jit=False)(at)
    np.testing.assert_allclose(parts(srcdiff.grad(f)(objects)), expected)
    assert srcdiff.grad(f)(objects).inner.count is None
    np.testing.assert_allclose(parts(srcdiff.vjp(f, objects)[1](1.0)[0]), expected)
    np.testing.assert_allclose(srcdiff.jvp(f, (objects,), (tangents,))[1], expected @ along)
    curved = srcdiff.hvp(plain, jit=False)(at, along)
    np.testing.assert_allclose(parts(srcdiff.hvp(f)(objects, tangents)), curved)
    scaled = Scaled(2.0, Inner(x))
    for held in ([scaled, scaled], (scaled, 1.0), {"a": scaled}):
        pick = lambda h: (h["a"] if isinstance(h, dict) else h[0]).of(x3[1:])
        found = srcdiff.grad(pick)(held)
        np.testing.assert_allclose(parts(found["a" if isinstance(held, dict) else 0]), expected)
    with pytest.raises(ValueError, match="has to be a Called"):
        srcdiff.jvp(f, (objects,), (1.0,))
