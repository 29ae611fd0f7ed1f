"""Entry guards: generated source checks the assumptions about lengths itself."""

import runpy
from typing import NamedTuple

import numpy as np
import pytest

import srcdiff
from srcdiff.errors import UnsupportedError
from srcdiff.ir.types import Clamp, Dim
from srcdiff.transforms.guards.entry_guards import spelled


def weighted(x, w):
    return np.sum((x[1:] + w) ** 2)


def saved(*args):
    namespace = {}
    exec(srcdiff.grad(weighted).source_for(*args), namespace)
    return namespace["weighted_grad"]


def test_a_saved_gradient_refuses_lengths_that_it_was_not_made_for():
    g = saved(np.ones(5), np.ones(4))
    np.testing.assert_allclose(g(np.ones(3), np.ones(2)), [0.0, 4.0, 4.0])
    with pytest.raises(
        ValueError, match=r"weighted_grad: len\(x\) - 1 and len\(w\) have to be equal"
    ):
        g(np.ones(2), np.ones(4))


def test_a_length_that_has_to_be_small_stands_first():
    def padded(x):
        y = np.zeros(6)
        y[: len(x)] = x
        return np.sum(y**2)

    text = srcdiff.grad(padded, jit=False).source_for(np.ones(3))
    assert "if len(x) > 6:" in text and "is generated for len(x) <= 6" in text


def test_one_made_for_a_broadcast_refuses_what_is_none():
    g = saved(np.ones(2), np.ones(4))
    np.testing.assert_allclose(g(np.ones(2), np.ones(3)), [0.0, 12.0])
    with pytest.raises(ValueError, match="== 1"):
        g(np.ones(5), np.ones(4))


def test_nothing_is_checked_where_nothing_was_concluded():
    assert "raise" not in srcdiff.grad(lambda x: np.sum(x * x)).source_for(np.ones(3))


def test_lengths_are_written_in_terms_of_the_parameters():
    n = Dim.of("x0")
    names = {"x0": "len(x)"}
    assert spelled(n + 1, names) == "len(x) + 1"
    assert spelled(n.scaled(2) - 1, names) == "2 * len(x) - 1"
    assert spelled(-n, names) == "-len(x)"
    assert spelled(Dim.of(Clamp(n - 1)), names) == "max(len(x) - 1, 0)"
    assert spelled(Dim(3), names) == "3"


def overwritten(p, y):
    p[0][1:] = y[0] * p[1][1:]
    return np.sum(p[0] * p[1]) * y[1]


def module(f, path, *args):
    g = srcdiff.grad(f)
    return runpy.run_path(str(g.save(path / "saved.py", *args)))[g.__name__], g.source_for(*args)


def test_a_saved_gradient_refuses_storage_that_is_not_its_own(tmp_path):
    x, z, y = np.ones(3), np.ones(3), np.ones(2)
    g, source = module(overwritten, tmp_path, (x, z), y)
    expected = srcdiff.grad(overwritten)((x, z), y)
    np.testing.assert_allclose(g((x, z), y), expected)
    np.testing.assert_allclose(g((x, z), z[:2]), expected)  # what is only read may be anything
    with pytest.raises(ValueError, match=r"generated for p\[0\] and p\[1\] that do not overlap"):
        g((x, x), y)
    with pytest.raises(ValueError, match=r"generated for p\[0\] and y that do not overlap"):
        g((x, z), x[1:])
    assert "shares_memory" not in source  # a call through srcdiff has looked already


def counted(s, p, terms, x):
    t = p["loss"]
    s += x[0]
    p["loss"] *= x[1]
    for k in range(len(terms)):
        terms[k] *= s
    return s * t * terms[0] * terms[1] * p["loss"]


def test_a_saved_gradient_takes_no_array_for_a_number_that_is_changed(tmp_path):
    x, number = np.ones(2), np.float64(0.5)
    given = (number, {"loss": number}, [number, number])
    g, source = module(counted, tmp_path, *given, x)
    assert g(*given, x) == pytest.approx(srcdiff.grad(counted)(*given, x))
    box = np.array(0.5)
    boxes = (box, {"loss": box}, [number, box])
    for k, name in enumerate(("s", r"p\['loss'\]", "terms")):
        with pytest.raises(ValueError, match=f"{name} without arrays in the place of numbers"):
            g(*given[:k], boxes[k], *given[k + 1 :], x)
    assert "isinstance" not in source  # a call through srcdiff has looked already


def test_arrays_on_lists_are_looked_at_as_well(tmp_path):
    def f(x, xs):
        x[0] = xs[0][1]
        total = 0.0
        for k in range(len(xs)):
            total += np.sum(x * xs[k])
        return total

    x, xs = np.ones(3), [np.ones(3), np.ones(3)]
    g, _ = module(f, tmp_path, x, xs)
    np.testing.assert_allclose(g(x, xs), [0.0, 2.0, 2.0])
    with pytest.raises(ValueError, match="generated for x and xs that do not overlap"):
        g(xs[1], xs)
    with pytest.raises(UnsupportedError, match=r"'x' and 'xs\[1\]' of f overlap"):
        srcdiff.grad(f)(xs[1], xs)


def test_saved_programs_that_write_nothing_check_no_storage(tmp_path):
    assert srcdiff.grad(weighted).specialise(np.ones(5), np.ones(4)).program.saved == ""


# ---- values that a program was specialised on ------------------------------------------------------------------


def price(x, kind="call", n=2, label="none"):
    return x**n if kind == "call" else 3.0 * x


class Settings(NamedTuple):
    mask: object
    rate: float


def masked(x, settings):
    return np.sum(x) if settings.mask is None else np.sum(x * settings.mask) * settings.rate


def mapped(x, f, mask=None, axis=None, dtype=np.float64, flag=True):
    y = f(x) if mask is None else f(x) * mask
    y = y * 2 if flag else y
    return np.sum(np.sum(y, axis=axis) * np.ones(1, dtype=dtype))


def chained(x, functions):
    for f in functions:
        x = f(x)
    return x


def cube(x):
    return x**3


def saved_module(tmp_path, g, *args):
    """The saved module's function."""
    namespace = {}
    exec(g.save(tmp_path / "saved.py", *args).read_text(), namespace)
    return namespace[g.__name__]


def test_a_saved_gradient_refuses_values_that_it_was_not_made_for(tmp_path):
    g = saved_module(tmp_path, srcdiff.grad(price), 1.0, "call", 2)
    assert g(3.0) == g(3.0, "call", 2, "anything") == 6.0
    assert g(3.0, "call", 3) == 27.0  # nothing was concluded from it
    with pytest.raises(ValueError, match="price_grad is generated for kind='call'"):
        g(1.0, "put", 5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((np.cos,), "f=np.sin"),
        ((np.sin, np.ones(3)), "mask=None"),
        ((np.sin, None, 0), "axis=None"),
        ((np.sin, None, None, np.float32), "dtype=np.float64"),
        ((np.sin, None, None, np.float64, False), "flag=True"),
    ],
)
def test_functions_none_axes_and_dtypes_are_values(tmp_path, given, message):
    arguments = (np.sin, None, None, np.float64, True)
    g = saved_module(tmp_path, srcdiff.grad(mapped), np.ones(3), *arguments)
    np.testing.assert_allclose(g(np.ones(3), *arguments), 2 * np.cos(np.ones(3)))
    if "flag" in message:
        assert "if flag:" in srcdiff.grad(mapped).source_for(np.ones(3), *arguments)
        return
    with pytest.raises(ValueError, match=f"mapped_grad is generated for {message}"):
        g(np.ones(3), *given, *arguments[len(given) :])


def test_functions_of_the_users_are_known_by_their_names(tmp_path):
    g = saved_module(tmp_path, srcdiff.grad(mapped), np.ones(3), cube)
    np.testing.assert_allclose(g(np.ones(3), cube), 6.0 * np.ones(3))
    with pytest.raises(ValueError, match="generated for f=cube"):
        g(np.ones(3), np.sin)


def test_values_in_containers_are_known_when_compiling(tmp_path):
    g = srcdiff.grad(masked)
    np.testing.assert_allclose(g(np.ones(3), Settings(None, 2.0)), np.ones(3))
    np.testing.assert_allclose(g(np.ones(3), Settings(np.ones(3), 2.0)), 2 * np.ones(3))
    one = saved_module(tmp_path, g, np.ones(3), Settings(None, 2.0))
    with pytest.raises(ValueError, match=r"generated for settings.mask=None"):
        one(np.ones(3), Settings(np.ones(3), 2.0))
    two = saved_module(tmp_path, srcdiff.grad(chained), 1.0, [np.sin, cube])
    np.testing.assert_allclose(two(1.0, [np.sin, cube]), 3 * np.sin(1.0) ** 2 * np.cos(1.0))
    with pytest.raises(ValueError, match=r"generated for functions\[0\]=np.sin"):
        two(1.0, [np.cos, cube])


def test_a_value_in_a_container_that_a_helper_reads():
    g = srcdiff.grad(lambda x, settings: masked(x, settings))
    assert "if settings.mask is not None:" in g.source_for(np.ones(3), Settings(None, 2.0))


def test_plain_defaults_are_kept():
    def f(x, scale, rows=(1.0, 2.0), eps=1e-5, cap=np.inf, name=None):
        return np.sum(x) * scale * eps

    text = srcdiff.grad(f).source_for(np.ones(2), 2.0)
    assert "def f_grad(x, scale, rows, eps=1e-5, cap=np.inf, name=None):" in text
    compile(srcdiff.hvp(f).source_for(np.ones(2), 2.0, np.ones(2)), "<text>", "exec")


# ---- lengths that the function needs to be equal ---------------------------------------------------------------


def product(x, y):
    return np.sum(x * y)


def test_what_made_the_function_raise_may_be_gone_from_its_gradient(tmp_path):
    g = saved_module(tmp_path, srcdiff.grad(product), np.ones(2), np.ones(2))
    np.testing.assert_allclose(g(np.ones(3), 2 * np.ones(3)), 2 * np.ones(3))
    with pytest.raises(ValueError, match="product_grad: x and y have to have equal lengths"):
        g(np.ones(2), np.ones(3))


def test_nothing_is_checked_that_numpy_checks():
    text = srcdiff.value_and_grad(product).source_for(np.ones(2), np.ones(2))
    assert "raise" not in text


def test_messages_name_what_the_caller_gave():
    g = srcdiff.grad(lambda x, y: x[1:] @ y[1:])
    assert "f_grad: x and y have to have equal lengths" in g.source_for(np.ones(3), np.ones(3))
    g = srcdiff.grad(lambda A, y: np.sum(A @ y))
    text = g.source_for(np.ones((2, 3)), np.ones(3))
    assert "f_grad: A.shape[1] and len(y) have to be equal" in text
    g = srcdiff.grad(lambda d: np.sum(d["a"] * d["b"]))
    text = g.source_for({"a": np.ones(3), "b": np.ones(3)})
    assert "d['a'] and d['b'] have to have equal lengths" in text


def test_loops_demand_what_they_need_and_branches_do_not():
    def looped(x, y):
        total = 0.0
        for _ in range(2):
            total += np.sum((x * y) ** 2)
        return total

    def chosen(x, y, flag):
        return np.sum((x * y) ** 2) if flag > 0 else np.sum(x)

    two = np.ones(2)
    assert "raise" not in srcdiff.grad(looped).source_for(two, two)
    assert "raise" in srcdiff.grad(chosen).source_for(two, two, 1.0)
