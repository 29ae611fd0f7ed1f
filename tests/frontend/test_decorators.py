"""What a decorator returns is what is differentiated; wrappers that are known to change nothing are looked through."""

import functools
import gc
import pickle
import time

import numpy as np
import pytest

import srcdiff
from srcdiff.errors import UnsupportedError


def ten_times(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return 10 * f(*args, **kwargs)

    return wrapper


def scaled(f):
    @functools.wraps(f)
    def wrapper(x, scale=2.0):
        return scale * f(x)

    return wrapper


class Tripled:
    def __init__(self, f):
        functools.update_wrapper(self, f)

    def __call__(self, *args):
        return 3 * self.__wrapped__(*args)


@ten_times
def square(x):
    return x**2


@ten_times
def power(x, n=2, *, weight=1.0):
    return weight * x**n


@ten_times
@functools.cache
def nested(x):
    return square(x) + x


@srcdiff.differentiate
@ten_times
def outermost(x):
    return x**2


@ten_times
@srcdiff.differentiate
def innermost(x):
    return x**2


@scaled
def own_parameters(x):
    return x**2


@Tripled
def tripled(x):
    return x**2


@functools.lru_cache
def cached(x):
    return x**2


class Model:
    @ten_times
    def energy(self, x):
        return x**2


def calls(x):
    return square(x) + power(x, 3, weight=2.0) + tripled(x) + cached(x) + innermost(x)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (square, (3.0,)),
        (power, (3.0,)),
        (power, (3.0, 3)),
        (nested, (3.0,)),
        (outermost, (3.0,)),
        (innermost, (3.0,)),
        (own_parameters, (3.0,)),
        (own_parameters, (3.0, 5.0)),
        (tripled, (3.0,)),
        (cached, (3.0,)),
        (Model().energy, (3.0,)),
        (calls, (3.0,)),
    ],
)
def test_a_decorated_function_has_the_derivative_of_what_it_computes(f, args):
    value, gradient = srcdiff.value_and_grad(f)(*args)
    assert value == f(*args)
    step = 1e-6
    x, *rest = args
    np.testing.assert_allclose(
        gradient, (f(x + step, *rest) - f(x - step, *rest)) / (2 * step), rtol=1e-8
    )
    assert srcdiff.jvp(f, args, (1.0, *[None] * len(rest))) == (value, gradient)


def test_keyword_only_parameters_reach_the_function_by_name():
    assert srcdiff.grad(power)(3.0, weight=2.0) == 120.0
    assert srcdiff.grad(power, argnums="weight")(3.0, weight=2.0) == 90.0


def test_the_gradients_of_a_differentiated_wrapper():
    assert outermost(3.0) == 90.0
    assert outermost.grad(3.0) == 60.0


def test_it_pickles():
    g = pickle.loads(pickle.dumps(srcdiff.grad(square)))
    assert g(3.0) == 60.0


@np.errstate(all="ignore")
def quiet(x):
    return x**2


@functools.singledispatch
def dispatched(x):
    return x**2


class Proxy:
    """As wrapt's: it says that it is the function, and its attributes are the function's."""

    def __init__(self, f):
        self.__dict__["f"] = f

    @property
    def __class__(self):
        return type(self.__dict__["f"])

    def __getattr__(self, name):
        return getattr(self.__dict__["f"], name)

    def __call__(self, x):
        return 10 * self.f(x)


def test_what_dispatches_by_type_runs_in_the_interpreter():
    with pytest.warns(srcdiff.DynamicWarning, match="for each type of its argument"):
        assert srcdiff.grad(lambda x: dispatched(x))(3.0) == 6.0
    with pytest.raises(UnsupportedError, match=r"a decorator of .* stands around"):
        srcdiff.grad(dispatched)(3.0)


@pytest.mark.parametrize("f", [quiet])
def test_a_librarys_decorator_is_refused_by_name(f):
    with pytest.raises(UnsupportedError, match=r"a decorator of .* stands around") as caught:
        srcdiff.grad(f)(3.0)
    assert "__wrapped__" in caught.value.advice
    with pytest.raises(UnsupportedError, match=r"a decorator of .* stands around") as caught:
        srcdiff.grad(lambda x: f(x))(3.0)
    assert "f(x)" in caught.value.source_line
    assert srcdiff.grad(f.__wrapped__)(3.0) == 6.0


def test_a_proxy_is_not_the_function_that_it_says_it_is():
    assert srcdiff.grad(Proxy(lambda x: x**2))(3.0) == 60.0


def timed(f):
    @functools.wraps(f)
    def wrapper(*args):
        start = time.perf_counter()
        out = f(*args)
        print(time.perf_counter() - start)
        return out

    return wrapper


@timed
def slow(x):
    return x**2


def test_a_decorator_may_measure_and_print_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert srcdiff.grad(slow, jit=False)(3.0) == 6.0
    assert float(capsys.readouterr().out) >= 0.0


def counted(f):
    @functools.wraps(f)
    def wrapper(*args):
        gc.collect()
        return f(*args)

    return wrapper


@counted
def collected(x):
    return x**2


def test_what_a_decorator_does_beside_is_refused_with_a_way_out():
    with pytest.raises(UnsupportedError, match="`collect` is not known") as caught:
        srcdiff.grad(collected)(3.0)
    assert "collected.__wrapped__" in caught.value.advice
    assert srcdiff.grad(collected.__wrapped__)(3.0) == 6.0


def test_wrappers_are_called_after_what_they_wrap():
    for f in (square, power):
        assert f"of `{f.__name__}` with" in srcdiff.grad(f).source_for(3.0)
