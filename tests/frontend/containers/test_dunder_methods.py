"""Named tuples and dataclasses with methods for operators, and with constructors of their own."""

from dataclasses import KW_ONLY, InitVar, dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pytest
from fuzz.compare import problems

import srcdiff


class Vector(NamedTuple):
    x: float
    y: float

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, k):
        return Vector(self.x * k, self.y * k)

    __rmul__ = __mul__

    def __neg__(self):
        return Vector(-self.x, -self.y)

    def __matmul__(self, other):
        return self.x * other.x + self.y * other.y

    def __abs__(self):
        return np.hypot(self.x, self.y)


@dataclass
class Series:
    first: float
    ratio: float = 0.5
    log: list = field(default_factory=list)

    def __getitem__(self, k):
        return self.first * self._power(k)

    def _power(self, k):
        return self.ratio**k

    def __len__(self):
        return 4

    def __contains__(self, value):
        return value > self.first

    def __bool__(self):
        return bool(self.first > 0.0)

    def __lt__(self, other):
        return self.first < other.first

    def __call__(self, x):
        return x * self.first

    def __float__(self):
        return self.first / (1.0 - self.ratio)


@dataclass
class Options:
    scale: float
    hidden: float = field(init=False, default=2.0)
    shift: float = 1.0
    _: KW_ONLY
    factor: float = 3.0


def path_of_a_point(x):
    position, velocity = Vector(0.0, x[0]), Vector(1.0, x[1])
    for _ in range(4):
        position += 0.1 * velocity
        velocity = velocity + -position * x[0]
    return abs(position) + position @ velocity


def sum_of_a_series(x):
    series = Series(x[0], ratio=x[1])
    total = 0.0
    for k in range(len(series)):
        total += series[k]
    if 0.1 in series and series < Series(9.0):
        total *= series(x[1])
    return total * float(series) if series else x[0]


def defaults_and_changes(x):
    options = Options(x[0], x[1], factor=x[0] * x[1])
    series = replace(Series(x[0]), ratio=x[1])
    series.log.append(options.factor)
    other = Series(x[1])
    return options.scale * options.hidden + options.shift * series.log[0] + len(other.log)


def comparisons_of_containers(x):
    pair = Vector(x[0], 1.0)
    same = {"a": x[0], "b": 1.0} == {"b": 1.0, "a": x[0]}
    if same and pair == (x[0], 1.0) and 1.0 in pair and [x[0]] != (x[0],):
        return x[0] * x[1]
    return x[1]


@pytest.mark.parametrize(
    "f", [path_of_a_point, sum_of_a_series, defaults_and_changes, comparisons_of_containers]
)
@pytest.mark.parametrize("x", [np.array([0.3, 0.7]), np.array([-0.3, 0.7])])
def test_records_mean_what_their_methods_say(f, x):
    assert problems(f, (x,), second=True) == []


@dataclass
class Law:
    mean: float
    kind: str = "squared"

    def of(self, x):
        return (x - self.mean) ** 2 if self.kind == "squared" else abs(x - self.mean)

    def __add__(self, other):
        return Law(self.mean + other.mean)


def law_with_a_name(laws, x):
    both = laws["a"] + laws["b"]
    return sum(both.of(v) * laws["b"].of(v) for v in x)


def test_names_in_records_have_no_tangent():
    laws = {"a": Law(0.3), "b": Law(0.7, "absolute")}
    assert problems(law_with_a_name, (laws, np.array([1.0, -2.0])), second=True) == []


@dataclass
class Checked:
    a: float

    def __post_init__(self):
        self.a = 2.0 * self.a


@dataclass
class Inherited(Checked):
    b: float = 1.0


class Own(NamedTuple("Own", [("a", float)])):
    def __new__(cls, a):
        return super().__new__(cls, 3.0 * a)


@dataclass
class Unpacked:
    a: float

    def __iter__(self):
        return iter((self.a, self.a))


def unpack(x):
    a, b = Unpacked(x)
    return a * b


@dataclass
class Counted:
    a: float

    def __getitem__(self, k):
        return (self.a, 2.0, 3.0)[k]


@dataclass
class Covariance:
    sx: float
    sy: float
    rho: InitVar[float] = 0.1
    names: list = field(default_factory=list)
    m: np.ndarray = field(init=False)

    def __post_init__(self, rho):
        self.names.append("m")
        mixed = rho * self.sx * self.sy
        self.m = np.array([[self.sx**2, mixed], [mixed, self.sy**2]])


def computed_behind_the_constructor(a, b):
    c, d = Covariance(a, b, rho=0.5 * a), Covariance(sx=b, sy=1.0)
    return np.linalg.det(c.m) + d.m[0, 0] * c.sx * len(c.names) + Inherited(a, b=b).a * Checked(b).a


def computed_in_the_interpreter(a, b):
    return computed_behind_the_constructor(a, b) * len({1})


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
@pytest.mark.parametrize("f", [computed_behind_the_constructor, computed_in_the_interpreter])
def test_fields_that_are_computed_behind_the_constructor(f):
    assert srcdiff.value_and_grad(f)(0.6, 1.2)[0] == pytest.approx(f(0.6, 1.2), rel=1e-12)
    srcdiff.check_grads(f, 0.6, 1.2)


def wrongly_made(x):
    return Covariance(x).sx


def test_a_class_that_computes_its_fields_and_what_it_is_given():
    with pytest.raises(srcdiff.UnsupportedError, match="`Covariance` misses the field `sy`"):
        srcdiff.grad(wrongly_made)(1.0)
    with pytest.raises(srcdiff.UnsupportedError, match="do not fit `Covariance"):
        srcdiff.grad(lambda x: Covariance(x, x, k=3.0).sx)(1.0)


@pytest.mark.parametrize("cls", [Checked, Inherited, Own])
def test_a_class_that_computes_its_fields_is_refused(cls):
    if cls is Own:
        with pytest.raises(srcdiff.UnsupportedError, match="of its own"):
            srcdiff.grad(lambda x: cls(x).a * 2.0)(1.0)
    with pytest.raises(srcdiff.UnsupportedError, match="of its own"):
        srcdiff.grad(lambda p: p.a**2)(cls(1.0))


def test_an_argument_of_such_a_class_may_be_read():
    assert srcdiff.grad(lambda x, p: p.a * x**2)(1.0, Checked(1.0)) == 4.0


def test_what_goes_through_an_object_calls_its_method():
    srcdiff.check_grads(unpack, 1.3)


class Powers:
    def __init__(self, x):
        self.x = x

    def __getitem__(self, k):
        if k == 3:
            raise IndexError(k)
        return self.x ** (k + 1)


def by_numbers(x):
    return sum(Powers(x)) * 2.0


def test_objects_with_getitem_iteration_run_without_types():
    with pytest.warns(srcdiff.DynamicWarning, match="`__getitem__` of Powers"):
        assert srcdiff.grad(by_numbers)(1.3) == pytest.approx(2.0 * (1.0 + 2.6 + 3.0 * 1.3**2))
