"""Loops, exits from them, branches and names."""

# ruff: noqa: C416, RET504, SIM401

import math

import numpy as np
from language.programs import Row

x3 = np.array([0.5, -1.2, 0.8])
x4 = np.array([0.3, 1.1, -0.7, 0.9])
M = np.array([[0.5, -0.3, 1.2], [0.7, 0.4, -0.6]])

loops = Row("for")
whiles = Row("while")
exits = Row("exits")
branches = Row("branches")
names = Row("names")
augmented = Row("augmented")
ROWS = [loops, whiles, exits, branches, names, augmented]


# ---- `for` over everything --------------------------------------------------------------------


@loops((x4, 4), (x4, 0), (x4, 1))
def ranges_of_all_steps(x, n):
    total = 0.0
    for i in range(n):
        total += x[i] ** 2
    for i in range(n - 1, -1, -1):
        total = 0.5 * total + x[i]
    for i in range(1, n, 2):
        total += np.sin(x[i]) * total
    for i in range(n, 0, -2):
        total *= 1.0 + 0.1 * x[i - 1]
    return total


@loops((M,), (np.zeros((0, 3)),))
def rows_of_a_matrix(A):
    total = 0.0
    weight = np.ones(3)
    for row in A:
        total += row @ weight
        weight = weight * np.cos(row)
        for entry in row:
            total += entry**3
    return total


@loops((x3, np.array([1.0, 2.0, 3.0])), (x3, np.array([0.3, 0.1])))
def zipped_and_counted(x, y):
    total = 0.0
    for k, (a, b) in enumerate(zip(x, y, strict=False)):
        total += (k + 1) * a * b**2
    for k, v in enumerate(reversed(x), start=2):
        total += v**k
    return total


@loops(([1.5, -0.5, 0.3],), ([2.0],))
def lists_and_tuples(values):
    total = 0.0
    for v in values:
        total += v**2
    for a, b in [(values[0], 2.0), (values[-1], 3.0)]:
        total += b * math.sin(a)
    for f in (np.sin, np.cos, np.tanh):
        total += f(values[0])
    return total


@loops(({"w": x3, "b": 0.5, "v": 2.0 * x3},))
def items_of_dicts(params):
    total = 0.0
    for name, value in params.items():
        total += np.sum(value**2) if name != "b" else 3.0 * value
    for name in params:
        total += np.sum(np.sin(params[name]))
    for value in params.values():
        total *= 1.0 + 0.1 * np.sum(value)
    for name in sorted(params.keys()):
        total += np.sum(params[name])
    return total


@loops((x4, 4), (x4, 1))
def variable_read_after_the_loop(x, n):
    total = 0.0
    for i in range(n):
        v = x[i] * x[i]
        total += v
    return total * v + i * x[0]


@loops((x4,), (np.array([0.3]),))
def variable_assigned_in_the_loop(x):
    total = 0.0
    for i in range(len(x)):
        k = i
        i = i * 2
        total += x[k] * (i + 1)
    return total


@loops((x3, 3), (x3, 0))
def nested_loops_of_changing_length(x, n):
    out = 0.0
    for i in range(n):
        for j in range(i + 1):
            for k in range(j, i + 1):
                out += x[i] * x[j] - 0.5 * x[k] ** 2
    return out


# ---- `while` --------------------------------------------------------------------------------------


@whiles((2.0, 1e-3), (0.5, 1e-3))
def newton_square_root(a, tol):
    x = a
    while abs(x * x - a) > tol:
        x = 0.5 * (x + a / x)
    return x


@whiles((1.7,), (0.3,))
def endless_with_break(x):
    total = 0.0
    while True:
        total += x
        x = x * 0.7
        if x < 0.2:
            break
    return total * x


@whiles((27.0, 6), (3.0, 0))
def counts_down(x, n):
    y = 1.0
    while n > 0:
        if n % 2 == 1:
            y = y * x
        x = math.sqrt(x)
        n //= 2
    return y


@whiles((0.9,), (12.0,))
def while_else(x):
    n = 0
    while x < 10.0:
        x = x * 1.9 + 0.1
        n += 1
        if n == 3:
            x = -x
            break
    else:
        x = x**2
    return x * n


@whiles((x4,), (np.array([2.0]),))
def scan_until(x):
    i = 0
    product = 1.0
    while i < len(x) and product > 0:
        product *= x[i]
        i += 1
    return product + i * x[0]


@whiles((np.array([3.0, 2.0, 5.0]),))
def vector_state(x):
    iterations = 0
    while np.sum(x**2) > 1.0:
        x = x * 0.6 - 0.01 * x**2
        iterations += 1
    return np.sum(np.sin(x)) * iterations


@whiles((0.8, 2.0))
def nested_whiles(x, y):
    total = 0.0
    i = 0
    while i < 3:
        z = y
        while z > 0.5:
            z = z * x
            total += z
        i += 1
        y = y + 0.3 * x
    return total


# ---- exits ----------------------------------------------------------------------------------------


@exits((x4,), (-x4,), (np.zeros(0),))
def break_and_continue(x):
    total = 0.0
    for v in x:
        if v < 0:
            continue
        total += v**2
        if total > 1.0:
            break
        total *= 1.1
    return total


@exits((M, 0.6), (M, 100.0))
def return_from_inner_loop(A, limit):
    total = 0.0
    for row in A:
        for v in row:
            total += abs(v)
            if total > limit:
                return total * v
    return -total


@exits((x4,), (np.array([0.1, 0.2]),))
def loop_with_else(x):
    for i in range(len(x)):
        if x[i] > 1.0:
            found = x[i] ** 2
            break
    else:
        found = np.sum(x)
    return 3.0 * found


@exits((0.7,), (-0.7,), (3.0,))
def several_returns(x):
    if x < 0:
        return x**2
    y = np.exp(-x)
    if x > 2.0:
        return y
    for k in range(3):
        y = y * x
        if y < 0.1:
            return y + k
    return np.sin(y)


@exits((x3, x4), (x3, x4 - 2.0))
def break_two_levels(x, y):
    best = -10.0
    done = False
    for a in x:
        for b in y:
            if a * b > 0.9:
                done = True
                break
            best = max(best, a * b)
        else:
            best = best + 0.1 * a
            continue
        if done:
            break
    return best * 2.0


@exits((1.3, 10), (0.2, 10), (0.2, 0))
def while_with_all_exits(x, n):
    total = 0.0
    while n > 0:
        n -= 1
        x = 0.9 * x + 0.05 * x * x
        if n % 3 == 0:
            continue
        total += x
        if total > 4.0:
            return total * x
        if total > 3.5:
            break
    else:
        total = -total
    return total + x


# ---- branches ---------------------------------------------------------------------------------------


@branches((0.4,), (-0.4,), (3.0,))
def condition_overwritten(x):
    y = 2.0 * x
    if y > 0:
        y = y * y
        x = -x
    elif y < -5:
        y = 0.0
    if y > 1.0:
        y = np.log(y)
    return x * y


@branches((1.5, True), (1.5, False))
def flag_is_true(x, flag):
    y = x**2 if flag is True else x**3
    if flag is not False:
        y = y + x
    return y * (2.0 if False is flag else 3.0) * (1.5 if isinstance(flag, bool) else 2.5)


@branches((1.5, None), (1.5, 0.3))
def optional_argument(x, y=None):
    if y is None:
        y = x**2
    z = None
    if x is not None:
        z = x * y
    return z if z is not None else 0.0


@branches((0.5, 0.2), (-0.5, 0.2), (-0.5, 1.2))
def and_or_as_values(x, y):
    a = (x > 0 and x) or y
    b = x or y
    c = not (x > 0 or y > 1)
    return a * b + (0.0 if c else y)


@branches((0.5,), (1.5,), (-2.0,))
def chained_and_ternary(x):
    inside = -1.0 < x < 1.0
    y = x**2 if inside else 2.0 * abs(x) - 1.0
    z = 1.0 if x > 1 else (-1.0 if x < -1 else x)
    return y * z if 0 <= y <= 10 else 0.0


@branches((x3, "l1"), (x3, "l2"), (x3, "huber"))
def match_on_strings(x, kind):
    match kind:
        case "l1":
            out = np.sum(np.abs(x))
        case "l2" | "mse":
            out = np.sum(x**2)
        case _:
            out = np.sum(np.where(np.abs(x) < 1.0, 0.5 * x**2, np.abs(x) - 0.5))
    return out


@branches((0.7, 0), (0.7, 1), (0.7, 2), (0.7, 4), (0.3, 4))
def match_on_numbers(x, k):
    match k:
        case 0:
            return x
        case 1 | 2:
            return x**2
        case 3 | 4 if x > 0.5:
            return x**k
    return 0.0 * x


@branches((x3, "tanh"), (x3, "relu"), (x3, "id"))
def membership(x, name):
    if name in ("tanh", "sigmoid"):
        x = np.tanh(x)
    elif name not in ["id", "none"]:
        x = np.maximum(x, 0.0)
    table = {"tanh": 2.0, "id": 3.0}
    scale = table[name] if name in table else 1.0
    return scale * np.sum(x**2)


@branches((1.2,), (-0.3,))
def walrus(x):
    if (y := np.sin(x)) > 0:
        return y**2
    total = 0.0
    while (x := x + 0.4) < 1.0:
        total += x * y
    return total


@branches((x4, 2), (x4, 7))
def integer_membership(x, k):
    total = 0.0
    for i in range(len(x)):
        if i in (0, 3) or k in range(5):
            total += x[i]
        elif i not in (1, k):
            total -= x[i] ** 2
    return total


# ---- names -------------------------------------------------------------------------------------------


@names((0.7, 1.3))
def swapped_and_rotated(a, b):
    a, b = b, a * a
    a, b, c = b, a + b, a
    a, (b, c) = c, (a, b)
    return a * b**2 + np.sin(c)


@names((x3,))
def shadowed_names(x):
    sum_ = np.sum(x)
    max = sum_ * 2.0

    def x_of(x):
        max = x**2
        return max

    total = [x for x in x]
    return x_of(max) + max + total[0] * x[1]


@names((x3,), (np.array([2.0]),))
def type_changes(x):
    total = 0
    for v in x:
        total = total + v**2
    y = x
    y = np.sum(y)
    y = (y, total)
    y = y[0] * y[1]
    y = [y, 2.0 * y]
    return y[0] + y[1] ** 2


@names((0.7,))
def deleted_names(x):
    y = x**2
    z = y * x
    del y
    y = z + 1.0
    del z, x
    return y * y


@names((x4,), (np.array([-1.0, -2.0]),))
def best_starts_as_none(x):
    best = None
    for v in x:
        score = np.sin(v) + 0.1 * v
        if best is None or score > best:
            best = score
    return best * 2.0


@names((x4, 2), (x4, 0))
def integer_becomes_float(x, n):
    scale = n
    for v in x:
        if v > 0:
            scale = scale * v + 1
    return scale * x[0]


@names((x3,))
def array_becomes_number(x):
    y = x * 2.0
    for _ in range(2):
        y = y - 0.1 * y**2
    y = y.sum()
    if y > 0:
        y = y**2
    x = y
    return x + y


@names((1.5, 3), (1.5, 0))
def bound_on_one_path(x, n):
    if n > 1:
        extra = x**2
    y = x
    if n > 1:
        y = y + extra
    for i in range(n):
        last = y * i
        y = y + 0.1 * last
    if n:
        y = y + last
    return y


def _first_above(x, limit):
    for v in x:
        if v > limit:
            return v
    return None


@names((x4, 0.5), (x4, 5.0))
def helper_that_may_give_none(x, limit):
    found = _first_above(x, limit)
    again = _first_above(x, 0.2)
    if found is None:
        return again * 1.5
    return found**2 * again


@names((x4, 0.6), (x4, 5.0))
def bounds_on_both_sides(x, t):
    below, above = None, None
    for v in x:
        if v < t:
            below = v if below is None else max(below, v)
        else:
            above = v if above is None or v < above else above
    if below is None or above is None:
        return x[0] * 0.5
    return below * above


@names((x4,))
def previous_item(x):
    previous = None
    total = 0.0
    for v in x:
        if previous is not None:
            total += (v - previous) ** 2
        previous = v
    return total


@names((M,), jit=False, why="Numba has no array that stands for none")
def array_starts_as_none(A):
    product = None
    for row in A:
        product = row * 2.0 if product is None else product * row
    return product.sum()


@names((x4,))
def tuple_starts_as_none(x):
    best = None
    for i, v in enumerate(x):
        if best is None or v > best[0]:
            best = (v, i)
    return best[0] ** 2 * best[1]


@names((x4,))
def best_argument_starts_as_none(x):
    best, where = None, None
    for i, v in enumerate(x):
        if best is None or v < best:
            best, where = v, i
    return best**2 + x[where] * where


@names(([(0.5, 3.0), (1.2, 5.0)], 1.1), ([(0.5, 3.0), (1.2, 5.0)], 7.0))
def item_of_a_list_starts_as_none(pairs, x):
    found = None
    for pair in pairs:
        if pair[0] > x:
            found = pair
    if found is None:
        return x**2
    return x * found[0] * found[1]


def _first_pair_above(pairs, limit):
    for pair in pairs:
        if pair[0] > limit:
            return pair
    return None


@names(([(0.5, 3.0), (1.2, 5.0)], 1.1), ([(0.5, 3.0), (1.2, 5.0)], 7.0))
def helper_that_may_give_an_item(pairs, x):
    pair = _first_pair_above(pairs, x)
    if pair is None:
        return x**2
    a, b = pair
    return a * b * x


@names((x4, 2.0))
def what_starts_as_none_is_unpacked(x, s):
    best = None
    for i, v in enumerate(x):
        if best is None or v > best[0]:
            best = v * s, i
    value, i = best
    first, *rest = best
    return value * x[i] + first * len(rest)


@names((x4,), (x4[:1],))
def moved_along_with_none(x):
    older, old = None, None
    total = 0.0
    for v in x:
        older, old = old, v * x[0]
        if older is not None:
            total += (old - older) ** 2
    both = [old, total]
    return sum(both) + (older or 0.5) + both[0] * {"old": old}["old"]


@names((x4, 0.5))
def changed_in_place_after_none(x, s):
    product, steps = None, {"last": None}
    for v in x:
        if product is None:
            product = v
        else:
            product *= v + 2.0
        steps["last"] = v
        steps["last"] += s
    product -= s
    return product * steps["last"]


@names((x4, 1.0), (x4, 7.0))
def none_equals_no_number(x, limit):
    where = None
    for i, v in enumerate(x):
        if v >= limit:
            where = i
    total = x[0]
    if where == 1:
        total = total * 3.0
    if where != 2:
        total = total + x[1] ** 2
    return total * x[2]


def _next_above(x, i):
    while i < len(x):
        if x[i] > 0:
            return i
        i += 1
    return None


@names((x4,))
def walrus_until_none(x):
    total, i = 0.0, -1
    while (i := _next_above(x, i + 1)) is not None:
        total += x[i] ** 2 * (i + 1)
    return total


# ---- augmented assignment --------------------------------------------------------------------------------


@augmented((x3,))
def alias_sees_it(x):
    y = x * 1.0
    z = y
    y += np.sin(y)
    z *= 2.0
    y -= 0.5 * x
    return np.sum(y * z)


@augmented((0.8,))
def numbers_are_rebound(x):
    y = x
    y += x**2
    z = y
    y *= z
    z -= y
    z /= 3.0
    y **= 2
    return x + y * z


@augmented((M,))
def views_in_place(A):
    B = A.copy()
    row = B[0]
    row += B[1] ** 2
    B[:, 1] *= row[0]
    B[1] /= 2.0
    B -= 0.1 * B.T.sum()
    return np.sum(B**2)


@augmented((x3,))
def argument_of_a_helper(x):
    def scale_in_place(v, k):
        v *= k
        v += 1.0

    y = x.copy()
    scale_in_place(y, x[0])
    scale_in_place(y[1:], 3.0)
    return np.sum(y**2)


@augmented((x3, [0.3, 0.4]))
def items_and_lists(x, ys):
    state = {"total": 0.0, "seen": []}
    for v in x:
        state["total"] += v**2
        state["seen"] += [v]
    ys[0] *= 2.0
    ys += [float(x[0])]
    return state["total"] * state["seen"][1] + ys[0] * ys[-1]


@augmented((x3, 3))
def integers_too(x, n):
    k = 0
    total = 0.0
    while k < n:
        total += x[k] * (k << 1)
        k += 1
    k -= 1
    n //= 2
    n **= 2
    return total + x[k % 3] * n


@augmented((x3,))
def not_in_place(x):
    y = x * 1.0
    z = y
    y = y + np.sin(y)
    z *= 2.0
    return np.sum(y * z)


def _bumped(y):
    y[0] += y[2] ** 2
    return y[1]


@augmented((np.array([1.5, 0.3, 2.0, 0.7]),))
def target_is_read_before_the_value(x):
    """What is added to is what stood there before the function on the right wrote into it."""
    y = 2.0 * x
    y[0] += _bumped(y)
    y[:2] *= _bumped(y)
    counts = [x[0], x[1]]
    by_name = {"a": x[2]}

    def count():
        counts[0] = counts[0] * 3.0
        by_name["a"] *= x[3]
        return x[1]

    counts[0] += count()
    by_name["a"] -= count() * counts[0]
    y[3] **= count() + counts[0]
    return np.sum(y**2) + counts[0] * by_name["a"]


@augmented((np.array([1.5, 0.3, 2.0, 0.7]),))
def names_that_the_value_binds(x):
    y = 2.0 * x
    a = x[0]

    def again():
        nonlocal y, a
        y = y * 3.0
        a = a * x[1]
        return x[2]

    a += again()
    kept = y
    y += again()
    return np.sum(y * x) + a * np.sum(kept)


class _Walker:
    def __init__(self, place, speed):
        self.place = place
        self.speed = speed

    def step(self):
        self.place = self.place + self.speed
        self.speed = self.speed * 0.5
        return self.speed

    def leap(self):
        self.place += self.step() * self.speed
        self.speed[1] += np.sum(self.step())


@augmented((np.array([1.5, 0.3]), np.array([0.2, 0.7])))
def attributes_that_the_value_changes(place, speed):
    w = _Walker(place.copy(), speed.copy())
    w.leap()
    w.leap()
    return w.place @ w.place + w.speed @ w.place


@branches((0.7, 3.0), (1.7, 3.0), (-0.2, 2.0), (-0.2, 0.1))
def walrus_that_may_not_be_evaluated(x, t):
    """What `:=` binds behind `and` or `or` is bound only where it is evaluated."""
    if (z := t - 0.5) > 0 or (z := x) < 0:
        t += z
    if not ((u := x * 3) > 0 and (u := u * u) > 1):
        t = t * u
    while (w := x * t) < 4 and (w := w + 1) < 9 and t < 20:
        t += w * w + 1
    return z * t * u * w


@branches((0.7,), (-0.7,))
def effects_that_may_not_be_evaluated(x):
    n = 0.0

    def add(by):
        nonlocal n
        n += by
        return True

    is_large = x > 0 and add(x)
    if x > 0 or add(2 * x):
        n = n * 2
    if x < 0 and add(3 * x) and add(1.0):
        n = n * 3
    return n * n * (2.0 if is_large else 1.0)


@branches((x4, (1, 2)), (x4, (0, 3)))
def tuples_compared(x, last):
    total = 0.0
    for i in range(3):
        for j in range(3):
            if (i, j) < last:
                total += x[0] ** 2 * (i + 1)
            if (j, i) > (1,) or (i, j) <= (0, 1):
                total += x[1] * j
            if [i, x[2]] >= [1, x[3]]:
                total += x[2] * x[3]
    largest, k = max((v * v, k) for k, v in enumerate(x))
    least, (m, _) = min([(x[0], (0, 1)), (x[1], (1, 0))])
    return total * largest * x[k - 1] + least * x[m] * (last != (1, 2))


@branches((x4,))
def walrus_in_comprehensions(x):
    total = 0.0
    sums = [total := total + v for v in x]
    large = sum(w * w for v in x if (w := v * 2) > 0)
    return sum(a * b for a, b in zip(sums, x, strict=True)) * total + large
