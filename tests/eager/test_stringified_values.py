"""Stringified values: a number may be shown as text; a number parsed from that text is refused, and no constant."""

import ast
import io
import json
import re

import numpy as np
import pytest

import srcdiff

pytestmark = pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")


class Bag:
    pass


def through(x, how):
    """`how(2 * x)` without types."""
    bag = Bag()
    bag.__dict__["a1"] = x
    return how(getattr(bag, "a" + str(1)) * 2.0)


def printed(y):
    file = io.StringIO()
    print(y, file=file)
    return float(file.getvalue())


READ = {
    "str": lambda y: float(str(y)),
    "an f-string": lambda y: float(f"{y}"),
    "repr": lambda y: float(repr(y)),
    "format": lambda y: float(format(y, ".17g")),
    "a method": lambda y: float("{}".format(y)),  # noqa: UP032
    "joined and split": lambda y: sum(float(t) for t in ",".join([str(y), "3.0"]).split(",")),
    "text of arrays": lambda y: np.sum(np.array(str(np.array([y, y]) / 3.0).strip("[]").split(), dtype=float)),
    "an evaluated literal": lambda y: ast.literal_eval(str(y)),
    "a type of NumPy's": lambda y: np.float64(str(y)),
    "json": lambda y: json.loads("[" + str(y) + "]")[0],
    "bytes": lambda y: float(str(y).encode()),
    "a file": printed,
    "single precision": lambda y: float(str(np.float32(1.0) * y)),
}  # fmt: skip
WRITTEN = {
    "hex": lambda y: float.fromhex(y.hex()),
    "as_integer_ratio": lambda y: y.as_integer_ratio()[0] / y.as_integer_ratio()[1],
    "tobytes": lambda y: np.sum(np.frombuffer(np.array([y, y]).tobytes())),
    "__str__": lambda y: float(y.__str__()),
    "data": lambda y: np.array([y, y]).data[0],
}


@pytest.mark.parametrize("how", READ.values(), ids=READ)
def test_what_is_read_from_text_is_refused(how):
    for derivative in (srcdiff.grad(through), lambda x, h: srcdiff.make_jvp(through)(x, h)(1.0)):
        with pytest.raises(srcdiff.UnsupportedError, match="is given the text of a number"):
            derivative(2.34, how)


@pytest.mark.parametrize(("name", "how"), WRITTEN.items(), ids=WRITTEN)
def test_what_writes_a_number_down_is_refused(name, how):
    with pytest.raises(srcdiff.UnsupportedError, match=f"`.?{name}`.*no derivative"):
        srcdiff.grad(through)(2.34, how)


def test_text_may_be_shown_and_other_text_read(capsys):
    def how(y):
        print(f"{y:.3f}", "%s" % y, str(y))  # noqa: UP031
        rate, digits = float("1e-3"), float(f"{y / 3.3:.2f}")
        return y * (rate + digits) * float(re.sub(",", ".", "0,25"))

    assert srcdiff.grad(through)(2.34, how) == pytest.approx(2.0 * (1e-3 + 1.42) * 0.25)
    assert capsys.readouterr().out == "4.680 4.68 4.68\n"


@pytest.mark.parametrize(
    ("how", "slope"),
    [
        (lambda y: y.__mul__(3.0), 6.0),
        (lambda y: (1.0).__add__(y), 2.0),
        (lambda y: y.__neg__(), -2.0),
        (lambda y: np.array([y, y]).__getitem__(0), 2.0),
        (lambda y: np.sum(np.array([y, 0.5]).__matmul__(np.eye(2))), 2.0),
    ],
)
def test_methods_of_operators_are_operators(how, slope):
    assert srcdiff.grad(through)(1.5, how) == slope
