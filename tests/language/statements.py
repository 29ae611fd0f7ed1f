"""Effects and contexts, numbers, arrays' methods, functions without a file."""

# ruff: noqa: F841, SIM105, SIM300, T201, PLC0415, RUF100, B028, RET504

import contextlib
import math
import operator
import warnings

import numpy as np
from language.programs import Row

x3 = np.array([0.5, -1.2, 0.8])
x4 = np.array([0.3, 1.1, -0.7, 0.9])
M = np.array([[0.5, -0.3, 1.2], [0.7, 0.4, -0.6]])

effects = Row("effects")
numbers = Row("numbers")
methods = Row("methods")
texts = Row("texts")
ROWS = [effects, numbers, methods, texts]


@effects((x3,))
def asserts_prints_raises(x):
    """A docstring."""
    assert x.ndim == 1, "one axis"
    total: float = 0.0
    for v in x:
        assert v < 10, f"{v} is large"
        if v > 100:
            raise ValueError(f"too large: {v}")
        total += v**2
    if total > 1e6:
        print("large", total)
    return total


@effects((0.7,), (-0.7,))
def try_finally(x):
    y = x
    try:
        y = y * 2.0
        if x < 0:
            return y**3
        y = np.sin(y)
    finally:
        x = 3.0
    return y * x


def _inverse(x):
    if x < 0:
        raise ZeroDivisionError("no inverse")
    return x**3


@effects((2.0,), (-1.0,))
def except_named(x):
    try:
        y = _inverse(x)
    except ZeroDivisionError:
        y = 5.0 * x
    return y * 2.0 + x


@effects((2.0,), (0.3,), (-1.0,))
def except_with_returns(x):
    try:
        if x < 0:
            return 3.0 * x
        y = _checked_log(x - 1.0)
    except (ValueError, KeyError):
        return x**2
    finally:
        x = 0.0
    return y + x


@effects((0.7,), (-0.7,), (12.0,))
def except_what_is_raised(x):
    try:
        if x < 0:
            raise ValueError("negative")
        y = math.sqrt(x)
        if y > 3:
            raise OverflowError
    except ValueError:
        y = -x
    except (OverflowError, ArithmeticError) as error:
        y = 3.0 + 0.1 * x
    else:
        y = y * 2.0
    finally:
        z = x
    return y**2 + z


class _Box:
    def __init__(self, s):
        self.s = s


class _Scaled:
    def __init__(self, box, k):
        self.box = box
        self.k = k

    def __enter__(self):
        self.box.s = self.box.s * self.k
        return self.box

    def __exit__(self, *error):
        self.box.s = self.box.s / self.k + 0.1


def _left_by_return(box, x):
    with _Scaled(box, 3.0) as b, np.errstate(all="ignore"):
        if x > 0.5:
            return b.s * x
        for i in range(5):
            if i * x > 1:
                return b.s + i * x
        x = x * 2
    return b.s * x


@effects((0.7, 1.2), (0.3, 1.2), (0.1, 1.2))
def contexts_left_by_return(x, s):
    box = _Box(s)
    return _left_by_return(box, x) * box.s


@effects((np.array([0.3, 0.9, 0.2, 1.5, 0.4]), 1.2), (x3, 1.2))
def contexts_left_by_break_and_continue(xs, s):
    box, out = _Box(s), 0.0
    for v in xs:
        with _Scaled(box, v + 2) as b, _Scaled(box, 2.0):
            if v < 0.25:
                continue
            try:
                if v > 1.2:
                    break
            finally:
                b.s = b.s * 1.5
            out += b.s * v
        out *= 1.1
    else:
        out = 0.5 * xs[0]
    return out * box.s


def _checked_square(v):
    if v < 0:
        raise ValueError
    return v**2


@effects((0.5,), (1.5,), (2.5,))
def raised_by_a_condition(x):
    try:
        if _checked_square(x) > 1:
            x = x * 3.0
        elif _checked_square(-x) > 0:
            x = x * 2.0
    except ValueError:
        x = x + 1.0
    return x**2


@effects((np.array([0.57, -1.0, 0.3, 0.7]),), (np.array([0.9, 0.3, 2.6, 0.7]),))
def caught_in_each_iteration(xs):
    total = 0.0
    n = 0
    while n < len(xs):
        try:
            total += _checked_square(xs[n]) * _checked_square(xs[n] - 0.5)
        except ValueError:
            total -= xs[n]
            continue
        finally:
            n += 1
        total *= 1.1
    return total


def _checked_log(x):
    if x <= 0:
        raise ValueError("not positive")
    y = np.log(x)
    return y


@effects((x4,))
def except_in_a_loop(x):
    total = 0.0
    skipped = 0
    for v in x:
        try:
            total += _checked_log(v)
        except ValueError:
            skipped += 1
            continue
        total *= 1.1
    return total * skipped


@effects((x3,))
def with_errstate(x):
    with np.errstate(all="ignore"):
        y = np.log(x**2)
    with np.errstate(divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        z = 1.0 / x
    with contextlib.nullcontext(z) as same:
        z = same * 2.0
    with np.printoptions(precision=3):
        for v in y:
            if v < -1:
                return np.sum(z) * v
    return np.sum(y * z)


@effects((0.7,))
def imports_inside(x):
    import math as m
    from math import cos

    import numpy as np

    return m.sin(x) * cos(x) + np.exp(x)


@effects((x3, True), (x3, False), jit=False, why="Numba has no formats in f-strings")
def prints_and_returns(x, verbose):
    total = 0.0
    for i, v in enumerate(x):
        total += v**2
        if verbose:
            print(f"step {i}: {total:.3f}", end="\n", flush=True)
    return total


# ---- strings ----------------------------------------------------------------------------------------------


@texts((x3, "mean"), (x3, "sum"), (x3, "none"))
def reduction_flag(x, reduction: str = "mean") -> float:
    loss = x**2
    if reduction == "mean":
        return loss.mean()
    elif reduction == "sum":
        return loss.sum()
    elif reduction.startswith("no"):
        return loss[0]
    raise ValueError(f"unknown {reduction!r}")


@texts(({"w0": x3, "w1": -x3, "b0": 0.3, "b1": 0.4}, 2))
def names_of_parameters(params, depth):
    x = np.ones(3)
    for i in range(depth):
        x = np.tanh(params[f"w{i}"] * x + params["b" + str(i)])
    return np.sum(x)


@texts((x3, "tanh+scale"), (x3, "scale"))
def options_in_a_string(x, spec):
    for part in spec.split("+"):
        if part == "tanh":
            x = np.tanh(x)
        elif part.upper() == "SCALE":
            x = x * 2.0
    return np.sum(x**2)


@texts((x3, "a"), (x3, "b"))
def table_by_string(x, key):
    weights = {"a": 1.0, "b": 2.0}
    label = f"{key}-{x.ndim}"
    k = 2.0 if label == "a-1" else 3.0
    return weights[key] * np.sum(x) * k


@texts((x3, "ij"), (x3, "ji"))
def characters(x, order):
    out = 0.0
    for c in order:
        out = out * x[0] + (x[1] if c == "i" else x[2])
    return out * len(order)


@texts((x3, ""), (x3, "fast"))
def truth_of_strings(x, mode):
    scale = 2.0 if mode else 1.0
    name = mode or "default"
    return scale * np.sum(x) + (x[0] if name == "default" else 0.0)


# ---- numbers ------------------------------------------------------------------------------------------------


@numbers((0.7, 1.9))
def of_math(x, y):
    a = math.sin(x) * math.exp(y) + math.log(y) + math.sqrt(y) - math.atan2(x, y)
    b = math.hypot(x, y) + math.pow(x, y) + math.fabs(-x) + math.tanh(x) + math.log1p(x)
    c = math.erf(x) + math.expm1(x) + math.log(y, 3.0)
    d = (
        math.fsum([x, y, x])
        + math.dist((x, y), (1.0, 2.0))
        + math.prod([x, y])
        + math.copysign(x, -y)
    )
    return a * b + c * d + math.degrees(x) + math.floor(y) * math.pi


@numbers((0.7, 1.9))
def of_operator(x, y):
    add, mul = operator.add, operator.mul
    z = operator.truediv(mul(add(x, y), x), y) + operator.neg(x) + operator.pow(y, 2)
    pick = operator.itemgetter(1)
    return z + pick((x, y)) * operator.sub(x, y) + operator.abs(-x)


@numbers((2.7, 0.8), (-2.7, 0.8))
def divmod_and_friends(x, y):
    q, r = divmod(x, y)
    s = x // y + x % y + abs(x) * round(y) + float(3) * int(x) + bool(x) * x
    return q * r + s * r + pow(y, 2.5) + pow(x, 2)


@numbers((2.716, 0.8), (-2.716, 0.8))
def rounded_to_digits(x, y):
    return round(x, 1) * y + round(x * y, ndigits=2) * x + round(y) * x


@numbers((1.3, 3), (1.3, 0), (1.3, -2))
def powers(x, n):
    return x**n + x**2 + x**-1 + x**0.5 + 2.0**x + x**x + (-x) ** 3 + (-1.0) ** n * x


@numbers((0.0, 2), (0.0, 1), (0.0, 0))
def powers_at_zero(x, n):
    return x**n + x**2 + x**1 + x**0


@numbers((x3, M))
def matrix_product(x, A):
    return x @ x + np.sum(A @ x) + np.sum(x @ A.T) + np.sum(A @ A.T @ A)


@numbers((7, 1.52), (12, 1.52))
def integers(n, x):
    a = n // 3 + n % 5 - (n >> 1) + (n & 3) + (n | 8) + (n ^ 5) + ~n
    q, r = divmod(n, 4)
    return x**q * r + a * x + int(x * 10) * x + max(n, 3) * min(n, 9) * x


@numbers((x4, 2.7))
def floors_and_rounding(x, y):
    i = int(y)
    k = round(y)
    return x[i] ** 2 + x[k - 3] * math.ceil(y) + x[math.floor(y)] * math.trunc(y) + float(i) * x[0]


# ---- methods of arrays --------------------------------------------------------------------------------------


@methods((M, 1), (M, 0))
def numbers_that_say_where(A, k):
    shifted = np.eye(2, 3, k) + np.identity(3, float)[:2] * np.eye(2, 3, k=-k)
    joined = np.stack([A, A**2], axis=k)
    longer = np.append(A, np.concatenate([A, A], axis=k), axis=k)
    spectrum = np.abs(np.fft.fft(A, axis=k))
    between = np.interp(k + 1, np.arange(3), A[0])
    return np.sum(shifted * A) + np.sum(joined[1, 0]) * np.sum(longer**2) + spectrum[0, 1] * between


@methods((M,))
def reductions(A):
    total = A.sum() * A.mean() + A.max() * A.min() + A.sum(axis=0).prod()
    return total + A.std() + A.var(axis=1).sum() + A.mean(axis=0, keepdims=True)[0, 1]


@methods((M, x3))
def shapes(A, x):
    B = A.reshape(3, 2).T.copy()
    flat = A.ravel() * A.flatten()
    n, m = A.shape
    C = A.reshape((m, -1)) @ A.reshape(n, m).transpose().T
    return np.sum(B * A) + flat[A.size - 1] * A.ndim + C[0, 1] + A.T.shape[0] * x.squeeze()[0]


@methods((M, x3))
def products(A, x):
    return A.dot(x).sum() + x.dot(x) + A.T.dot(A).trace() + A.diagonal().sum()


@methods((x4,))
def conversions(x):
    y = x.astype(float).copy()
    return y[0].item() * x.sum().item() + float(x[1]) + len(list(y)) * y[2]


@methods((x4, M))
def orders(x, A):
    i = x.argmax()
    c = x.cumsum()
    clipped = x.clip(-0.5, 0.8)
    return x[i] * x[x.argmin()] + c[-1] * c[1] + clipped.sum() + A.cumsum(axis=1).sum()


@methods((M, (1, 0), 1), (M, (0, 1), 0))
def axes_that_the_caller_chooses(A, axes, k):
    """Arguments that an operation has to know are part of what the derivative is made for."""
    B = np.transpose(A, axes) * 2.0
    rows, columns = np.triu_indices(2, k)
    total = np.sum(A, axis=axes) * np.sum(A[rows, columns] ** 2)
    for n in range(2):
        total += np.sum(np.tensordot(A, B if axes == (1, 0) else B.T, n)) * A[n, k]
    return total + np.sum(np.tensordot(A, A, axes=([k], [k])) ** 2)


@methods((M,))
def filled_and_repeated(A):
    B = A.copy()
    B.fill(2.0)
    B[0] = A[0]
    C = B.repeat(2, axis=0)
    D = A.swapaxes(0, 1)
    E = np.where((A > 0).any(axis=0), A[0], A[1])
    return (C**2).sum() + (D @ B).sum() + E.sum() + len(A) * A[0, 0]
