"""Fingerprints: everything that a program may depend on changes its digest, and nothing else does."""

from __future__ import annotations

import dataclasses
import functools
import linecache
import math
import types
from collections import namedtuple
from itertools import count

import numpy as np
import pytest
from numba import njit

from srcdiff.cache.fingerprint import Unknown, fingerprint

TEXT = """
import numpy as np
import math
import functools

K = 2.0
W = np.array([1.0, 2.0])
SETTINGS = {"rate": 0.1, "names": ("a", "b")}

def inner(x):
    return math.sin(x) * K

class Base:
    scale = 3.0
    def scaled(self, x):
        return self.scale * inner(x)

class Model(Base):
    def __init__(self):
        self.w = W

model = Model()

def outer(x, n=3, *, flag=True):
    y = helper(x) + SETTINGS["rate"]
    return np.sum(W * y) + model.scaled(x) + made(x)

def helper(x):
    def nested(z):
        return z ** 2
    return nested(x) + outer.__defaults__[0]

def maker(c):
    return lambda x: x * c

made = maker(5.0)
"""

_NUMBERS = count()


def module(text: str, file: str = "") -> types.ModuleType:
    file = file or f"<fingerprint {next(_NUMBERS)}>"
    made = types.ModuleType("user_module")
    made.__file__ = file
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), vars(made))
    return made


def digest(*roots: object) -> str:
    return fingerprint("", roots, contents=True).digest


FILE = "<fingerprint of one file>"


def of_text(text: str) -> str:
    return digest(module(text, FILE).outer)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("K = 2.0", "K = 2.5"),
        ("math.sin(x)", "math.cos(x)"),
        ("[1.0, 2.0]", "[1.0, 2.5]"),
        ("[1.0, 2.0]", "[1, 2]"),
        ('"rate": 0.1', '"rate": 0.2'),
        ('("a", "b")', '("a", "c")'),
        ("scale = 3.0", "scale = 4.0"),
        ("self.scale * inner(x)", "self.scale + inner(x)"),
        ("n=3", "n=4"),
        ("flag=True", "flag=False"),
        ("z ** 2", "z ** 3"),
        ("maker(5.0)", "maker(6.0)"),
        ("lambda x: x * c", "lambda x: x + c"),
        ("self.w = W", "self.w = 2 * W"),
        ("y = helper(x)", "y  = helper(x)"),  # the text is what is read
    ],
)
def test_a_change_anywhere_below_is_another_digest(old: str, new: str) -> None:
    assert old in TEXT
    assert of_text(TEXT) != of_text(TEXT.replace(old, new))


def test_the_same_text_is_the_same_digest_and_the_same_places() -> None:
    one, two = (fingerprint("", [module(TEXT, FILE).outer]) for _ in range(2))
    assert one.digest == two.digest
    assert [type(v).__name__ for _, v in one.places] == [type(v).__name__ for _, v in two.places]
    assert of_text(TEXT) == of_text(TEXT + "\n\nunrelated = 1\n")


def test_the_contents_of_arrays_matter_to_machine_code_only() -> None:
    found = [fingerprint("", [np.array([1.0, k])]).digest for k in (2.0, 3.0)]
    assert found[0] == found[1] != fingerprint("", [np.array([1.0])]).digest


def test_places_are_looked_at_again() -> None:
    made = module(TEXT)
    seen = fingerprint("", [made.outer])
    place = seen.place_of(made.W)
    assert place is not None
    made.W = made.W.copy()
    assert seen.places[place][0]() is made.W


Pair = namedtuple("Pair", "a b")


@dataclasses.dataclass
class Line:
    slope: float
    points: list = dataclasses.field(default_factory=list)

    def at(self, x):
        return self.slope * x


@njit
def jitted(x):
    return jitted_helper(x)


@njit
def jitted_helper(x):
    return x * 2.0


def test_what_can_be_described() -> None:
    for thing in (
        functools.partial(jitted, 2.0),
        Line(2.0).at,
        Line,
        Pair,
        Pair(1.0, np.ones(2)),
        [np.float32(1.0), math.inf, None, ...],
        np.sum,
        np.exp,
        math.sin,
        np.dtype("float32"),
        lambda x: x,
        jitted,
    ):
        assert digest(thing) == digest(thing)
    assert len({digest(t) for t in (Pair, Line, np.exp, np.sin, math.sin, np.sum, jitted)}) == 7
    assert digest(lambda x: x, lambda x: -x) != digest(lambda x: -x, lambda x: x)
    assert digest(1) != digest(True) != digest(1.0) != digest(np.float64(1.0))


def recursive(x):
    return recursive(x - 1) if x > 0 else x


def test_functions_that_call_themselves() -> None:
    assert digest(recursive) == digest(recursive)


def test_a_file_that_is_edited_after_it_was_imported(tmp_path) -> None:
    file = tmp_path / "edited.py"
    digests = []
    for text in ("def f(x):\n    return x\n", "def f(x):\n    return x * x\n"):
        file.write_text(text)
        linecache.checkcache(str(file))
        namespace: dict = {}
        exec(compile(text, str(file), "exec"), namespace)
        digests.append(digest(namespace["f"]))
    file.write_text("def f(x):\n    return x\n# back\n")
    digests.append(digest(namespace["f"]))  # new code, old text
    assert len({*digests}) == 3


class Private:
    __slots__ = ("__weight",)

    def __init__(self, weight: float) -> None:
        self.__weight = weight


def test_private_slots_are_part_of_the_digest() -> None:
    assert digest(Private(1.0)) == digest(Private(1.0)) != digest(Private(2.0))


class Hidden:
    __slots__ = ()

    @property
    def __dict__(self):
        raise RuntimeError("nobody looks in here")


@pytest.mark.parametrize("thing", [iter([1]), np.array([object()]), Hidden(), {1, 2}])
def test_what_has_no_digest_is_refused(thing: object) -> None:
    with pytest.raises(Unknown):
        digest(thing)
