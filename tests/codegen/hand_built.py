"""IR made by hand for tests of the printer."""

from srcdiff.codegen.module.module import to_source
from srcdiff.ir.build import Builder
from srcdiff.ir.core import Function, Region
from srcdiff.ir.dims import Shapes
from srcdiff.ir.types import FLOAT, INT, Array, Dim, Scalar
from srcdiff.ir.values import Value

N = Dim.of("n")
VECTOR = Array("float64", (N,))


def scalar(name, user=True):
    return Value(FLOAT, name, user)


def integer(name=""):
    return Value(INT, name, bool(name))


def index(name=""):
    return Value(Scalar("int64", True, Dim.of(f"index_{name}")), name, bool(name))


def vector(name, user=True, length=N):
    return Value(Array("float64", (length,)), name, user)


def builder():
    return Builder(Shapes({"n", "m"}))


def passes_on(*yields):
    """A region that does nothing."""
    return Region((), (), yields)


def function(params, b, yields, tree=0, name="f", doc=""):
    return Function(name, b.region(params, yields), tree, doc)


def text(*args, **kwargs):
    """The text of `function(*args)`."""
    return to_source(function(*args, **kwargs))


def lines(source):
    """The body of the last function of a module, without its indentation."""
    body = source.partition("def ")[2].splitlines()[1:]
    return [line[4:] for line in body]
