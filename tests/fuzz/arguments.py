"""Calls with wrong and unusual arguments after a first call with good ones, one argument at a time.

Where the function raises, its compiled gradient has to raise, and where the function returns a number, the gradient has
to be that of the NumPy form or be refused. Arrays end where memory ends that the process may touch, so that a read past
an end stops it, and a read before a start gives NaN; programs are tried in processes of their own.
"""

from __future__ import annotations

import copy
import ctypes
import faulthandler
import mmap
import os
import re
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from fuzz.checked_runs import Checked, Unshown
from fuzz.compare import flat, float_positions

import srcdiff
from srcdiff.compile.arguments.pytree import leaves, map_leaves

MANY = 100_000
SECONDS = 300  # of processor time for a program
LONGEST = 2.0  # seconds for a call of the function
# where functions of `math` and of SciPy's linear algebra raise this, generated code gives infinity or NaN (docs/api.md)
IN_PLACE_OF_NAN = {"math domain error", "array must not contain infs or NaNs"}
PAGE = mmap.PAGESIZE
PROTECT = ctypes.CDLL(None, use_errno=True).mprotect


# ---- arguments ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unusual:
    """Arguments, and what is unusual about one of them."""

    what: str
    args: tuple[Any, ...]


def unusual(args: tuple[Any, ...], many: int = MANY) -> Iterator[Unusual]:
    """Each argument changed in every way that its value allows, the others as they are."""
    for k, argument in enumerate(args):
        for what, changed in changes(argument, many):
            given = copy.deepcopy(args)
            yield Unusual(f"argument {k}: {what}", (*given[:k], changed, *given[k + 1 :]))


def changes(value: Any, many: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, np.ndarray):
        yield from of_array(value, many)
    elif isinstance(value, bool | np.bool_):
        yield "an int", int(value)
    elif isinstance(value, int | np.integer):
        yield from of_integer(int(value))
    elif isinstance(value, float):
        yield from [("NaN", np.nan), ("an int", int(value)), ("a NumPy scalar", np.float64(value))]
        yield from [("0-d", np.array(value)), ("an array of one", np.array([value]))]
    elif isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        yield from of_sequence(value, many)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"without {key!r}", {k: v for k, v in value.items() if k != key}
            for what, changed in changes(item, many):
                yield f"[{key!r}] {what}", {**value, key: changed}


def of_array(a: np.ndarray, many: int) -> Iterator[tuple[str, Any]]:
    for axis, n in enumerate(a.shape):
        lengths = {0, 1, 3, n + 1, n - 1, many if a.ndim == 1 else 0} - {n, -1}
        yield from (
            (f"length {m} for {n} of axis {axis}", resized(a, axis, m)) for m in sorted(lengths)
        )
    if a.ndim:
        wide = np.repeat(a, 2, axis=-1)
        yield "strided", wide[..., ::2]
        yield "reversed strides", a[..., ::-1].copy()[..., ::-1]
        yield "one axis more", a[None]
        yield "one axis less", a[0] if len(a) else a.sum(axis=0)
        yield "a list", a.tolist()
    if a.ndim > 1:
        yield "columns first", np.asfortranarray(a)
    yield "read-only", read_only(a)
    if a.dtype.kind == "f":
        yield from ((f"{t}", a.astype(t)) for t in ("float32", "int64", "bool", "complex128"))
        if a.size:
            yield (
                "with a NaN",
                np.where(np.arange(a.size).reshape(a.shape) == a.size // 2, np.nan, a),
            )
    elif a.dtype.kind in "iu":
        yield "floats", a.astype(float)
        limits = np.iinfo(a.dtype)
        for what, by in (("one too many", 1), ("far outside", 1000), ("negative", -1000)):
            yield what, np.clip(a + np.int64(by), limits.min, limits.max).astype(a.dtype)


def of_integer(k: int) -> Iterator[tuple[str, Any]]:
    yield from ((f"{m} for {k}", m) for m in sorted({-1, 0, 1, k + 1, k + 7, -k - 7} - {k}))
    yield "a float", float(k)
    yield "a NumPy integer", np.int64(k)
    yield "half", k + 0.5


def of_sequence(items: Any, many: int) -> Iterator[tuple[str, Any]]:
    make = type(items)
    yield "empty", make()
    if items:
        yield "one item less", items[:-1]
        yield "one item more", make([*items, copy.deepcopy(items[-1])])
        yield "of the other class", (tuple if make is list else list)(items)
        for position in {0, len(items) - 1}:
            for what, changed in changes(items[position], min(many, 1000)):
                yield (
                    f"[{position}] {what}",
                    make([*items[:position], changed, *items[position + 1 :]]),
                )


def resized(a: np.ndarray, axis: int, n: int) -> np.ndarray:
    """The array cut, or repeated from its start, to a length along an axis."""
    if not a.shape[axis]:
        return np.zeros([n if k == axis else m for k, m in enumerate(a.shape)], a.dtype)
    return np.take(a, np.arange(n) % a.shape[axis], axis=axis)


def read_only(a: np.ndarray) -> np.ndarray:
    b = a.copy()
    b.flags.writeable = False
    return b


def at_the_end_of_memory(a: Any) -> Any:
    """A copy of an array with its strides, behind whose last element lies a page that may not be touched.

    The bytes before its first element are NaN, and before them lies another such page.
    """
    if not isinstance(a, np.ndarray) or not a.nbytes:
        return a
    reach = [(n - 1) * stride for n, stride in zip(a.shape, a.strides, strict=True)]
    below, above = -sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach) + a.itemsize
    end = PAGE + -(-(below + above) // PAGE) * PAGE
    memory = mmap.mmap(-1, end + PAGE)
    memory.write(b"\xff" * end)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (start, start + end):
        assert PROTECT(ctypes.c_void_p(page), PAGE, 0) == 0
    b = np.ndarray(a.shape, a.dtype, memory, end - above, a.strides)
    b[...] = a
    b.flags.writeable = a.flags.writeable
    return b


# ---- calls --------------------------------------------------------------------------------------------------


class Endless(BaseException):
    """A call that takes too long."""


def ends(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """A result or the exception, as `called`; None where the call takes seconds."""

    def stop(*_: Any) -> None:
        raise Endless

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST)
    try:
        return called(function, args)
    except Endless:
        return None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def called(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """A result, or the exception."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args)
    except Exception as error:
        return error


def problems(f: Callable[..., Any], args: tuple[Any, ...], many: int = MANY) -> Iterator[str]:
    """What is wrong with the compiled gradient of a program at unusual arguments."""
    wrt = float_positions(args)
    by_numpy, compiled = (
        srcdiff.value_and_grad(f, argnums=wrt, jit=jit, on_independent="ignore")
        for jit in (False, True)
    )
    first = called(compiled, copy.deepcopy(args))
    if isinstance(first, srcdiff.UnsupportedError):
        return
    if isinstance(first, Exception):
        yield f"the first call: {first!r}"
        return
    for call in unusual(args, many):
        value = ends(f, copy.deepcopy(call.args))
        if value is None:
            continue
        found = called(compiled, map_leaves(at_the_end_of_memory, copy.deepcopy(call.args)))
        rtol = (
            1e-3 if "bool" in call.what else 1e-7
        )  # NumPy's functions of truth values have half precision
        problem = difference(
            value, found, lambda a=call.args: called(by_numpy, copy.deepcopy(a)), rtol
        )
        if problem and not reads_what_was_not_written(f, call.args):
            yield f"{call.what}: {problem}"


def reads_what_was_not_written(f: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Whether the function's value depends on what new storage holds."""
    made, like = np.empty, np.empty_like
    values = []
    for number in (0.25, -3.0):

        def filled(a: np.ndarray, number: float = number) -> np.ndarray:
            a.fill(number)
            return a

        np.empty = lambda *a, **k: filled(made(*a, **k))
        np.empty_like = lambda *a, **k: filled(like(*a, **k))
        try:
            values.append(called(f, copy.deepcopy(args)))
        finally:
            np.empty, np.empty_like = made, like
    return repr(values[0]) != repr(values[1])


def difference(value: Any, found: Any, by_numpy: Callable[[], Any], rtol: float = 1e-7) -> str:
    """What is wrong with a result, given the function's own."""
    if isinstance(found, Unshown):
        return ""
    if isinstance(found, AssertionError | MemoryError | SystemError):
        return f"{type(found).__name__}: {found}"
    if isinstance(value, Exception):
        problem = error_difference(value, found)
        is_dead = isinstance(value, IndexError) and not isinstance(found, Exception)
        # an element that nothing uses is not read (docs/api.md): neither form has it
        return "" if problem and is_dead and not isinstance(by_numpy(), Exception) else problem
    if isinstance(found, srcdiff.UnsupportedError | TypeError):
        return "" if "defect of srcdiff" not in str(found) else str(found)
    want = by_numpy()
    if str(want) in IN_PLACE_OF_NAN and not isinstance(found, Exception):
        return ""
    if isinstance(found, Exception) or isinstance(want, Exception):
        return "" if type(found) is type(want) else f"{found!r}, and not compiled {want!r}"
    return "" if close(found, want, rtol) else f"{found}, and not compiled {want}"


def error_difference(value: Exception, found: Any) -> str:
    """What is wrong with a result or an exception, given the exception of the function.

    A refusal stands at the user's line. Another exception is of the same class, with the same numbers in its message.
    """
    if not isinstance(found, Exception):
        is_known = str(value) in IN_PLACE_OF_NAN and not np.isfinite(found[0])
        return "" if is_known else f"returned {found[0]}, NumPy raises {value!r}"
    if isinstance(found, srcdiff.DifferentiationError):
        return "" if found.line else f"refused without a line: {found}"
    if str(value) in IN_PLACE_OF_NAN and isinstance(found, np.linalg.LinAlgError):
        return ""
    is_same = type(found) is type(value) and numbers_in(value) <= numbers_in(found)
    return "" if is_same or isinstance(found, Checked) else f"{found!r}, NumPy raises {value!r}"


def numbers_in(error: Exception) -> set[str]:
    return set(re.findall(r"-?\d+", str(error)))


def close(found: Any, want: Any, rtol: float) -> bool:
    one, other = (np.append(flat(r[1]), r[0]) for r in (found, want))
    if any(getattr(v, "dtype", None) == np.float32 for v in leaves(want)):
        rtol = 1e-3
    atol = rtol if rtol > 1e-7 else 1e-9
    return one.shape == other.shape and np.allclose(
        one, other, rtol=rtol, atol=atol, equal_nan=True
    )


def in_a_process(work: Callable[[], Iterator[str]], seconds: int = SECONDS) -> list[str]:
    """What a generator of problems yields in a process of its own; how that ends, if it does not end well."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        faulthandler.disable()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        with os.fdopen(writer, "w") as out:
            try:
                for problem in work():
                    print(problem.replace("\n", " "), file=out, flush=True)
            except BaseException:
                print(traceback.format_exc().replace("\n", " "), file=out, flush=True)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        found = lines.read().splitlines()
    _, status = os.waitpid(child, 0)
    if status:
        found.append(f"the process ended by signal {os.WTERMSIG(status)}")
    return found
