"""Functions that the frontend refuses; `CASES` holds (function, arguments, message, what the caret is under)."""

# ruff: noqa: B007, B905, F821, F841

import math

import numpy as np
from scipy import stats

x3 = np.ones(3)
CASES = []


def case(message, caret, *args):
    def add(function):
        CASES.append((function, args, message, caret))
        return function

    return add


@case("generators are not supported", "yield x", 1.0)
def generator(x):
    yield x


@case("what `divide` may raise here would be caught", "1.0 / x", 1.0)
def tries(x):
    try:
        return 1.0 / x
    except ZeroDivisionError:
        return 0.0


@case("what `cholesky` may raise here would be caught", "np.linalg.cholesky(a)", np.eye(2))
def tries_a_factorisation(a):
    try:
        a = np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        a = a + np.eye(2)
    return a


@case("`total` holds what an iteration of a loop made", "total", x3)
def method_of_an_iteration(x):
    for i in range(3):
        y = x * i
        total = y.sum
    return total() ** 2


@case("`total` holds what one of two paths made", "total", x3)
def method_of_a_path(x):
    if x[0] > 0.0:
        y = x * 2.0
        total = y.sum
    return total() ** 2


@case(
    "items whose computation changes something are taken until one decides",
    "any(map(counted, x))",
    x3,
)
def any_of_items_that_count(x):
    calls = [0]

    def counted(v):
        calls[0] += 1
        return v > 0.0

    return x[0] * calls[0] if any(map(counted, x)) else x[1]


@case(
    "a list is repeated in place never, or as often as is known only when the program runs",
    "xs *= n",
    x3,
    2,
)
def list_repeated_in_place(x, n):
    xs = list(x)
    xs *= n
    return sum(xs)


@case("a list of lists of numbers is made of an array", "a.tolist()", np.eye(2))
def lists_of_an_array(a):
    return a.tolist()[0][1] ** 2


@case("what a subscript may raise here would be caught", "x[9]", x3)
def tries_an_element(x):
    try:
        return x[9]
    except IndexError:
        return x[0]


@case("what a write to elements may raise here would be caught", "y[9] = 1.0", x3)
def tries_a_write(x):
    y = 2.0 * x
    try:
        y[9] = 1.0
    except IndexError:
        y[0] = 3.0
    return y[0] + x[1]


def _raises(v):
    if v > 1:
        raise ValueError
    return v


@case("this is raised inside of an expression, and caught around it", "raise ValueError", 0.5)
def tries_a_choice(x):
    try:
        x = _raises(x) if x > 0.2 else 0.0
    except ValueError:
        x = -x
    return x


@case("`open` is not known to srcdiff", 'open("file")', 1.0)
def withs(x):
    with open("file") as f:
        return x


@case("np.errstate is supported where it ignores or warns", 'np.errstate(all="raise")', 1.0)
def raising_errstate(x):
    with np.errstate(all="raise"):
        return x


@case("`global` is not supported", "global COUNT", 1.0)
def globals_(x):
    global COUNT
    COUNT = x
    return x


@case("`del` takes a name, an item of a dict, or one item of a list", "x[0]", x3)
def deletes(x):
    del x[0]
    return x


@case("class definitions inside a function", "class A:", 1.0)
def classes(x):
    class A:
        pass

    return x


@case("sets are not supported", "{1, 2}", 1.0)
def sets(x):
    return x if x in {1, 2} else 0.0


@case("this sets an attribute of `x`, which was not made here", "x.y", 1.0)
def attributes(x):
    x.y = 1.0
    return x


@case("this expression is 'a' on one path and 'b' on another", '"a" if x > 0 else "b"', 1.0)
def names_by_a_condition(x):
    name = "a" if x > 0 else "b"
    return x * len(name)


@case("`reverse` must be known when compiling", "sorted(x, reverse=x[0] > 0)", x3)
def sorted_by_what_the_run_knows(x):
    return sorted(x, reverse=x[0] > 0)[0]


@case("next() takes an iterator or a generator expression here", "next(items)", x3)
def next_of_a_name(x):
    items = list(x)
    return next(items)


def _doubled(x, n):
    if n == 0:
        return x
    y = _doubled(x, n - 1)
    y[0] = y[0] * 2.0
    return y


@case(
    "`_doubled` may return its argument, and one of the two is written afterwards",
    "_doubled(x, n - 1)",
    x3,
)
def recursion_that_writes_its_result(x):
    return np.sum(_doubled(x, 2))


@case("`visit` calls itself, and cannot be a function of its own", "visit(v * x, d - 1)", 0.5, 3)
def recursion_that_binds_names_around(x, n):
    total = 0.0

    def visit(v, d):
        nonlocal total
        total += v
        if d > 0:
            visit(v * x, d - 1)

    visit(x, n)
    return total


@case("this changes an object that may have another name", "r.y", 0.5)
def object_of_two_names(x):
    p, q = Plain(x), Plain(2.0 * x)
    r = p if x > 0 else q
    r.y = r.y * 3.0
    return p.y + q.y


def _walk(x, out, lo, hi):
    if hi - lo == 1:
        out.append(x[lo])
        return
    mid = (lo + hi) // 2
    _walk(x, out, lo, mid)
    _walk(x, out, mid, hi)


@case("calls itself", "_walk(x, out, 0, len(x))", x3)
def recursion_that_appends(x):
    out = []
    _walk(x, out, 0, len(x))
    return sum(out)


@case("`in` takes a whole number and a range of known step", "x[0] in range(3)", x3)
def number_in_a_range(x):
    return 1.0 if x[0] in range(3) else x[1]


@case("`trim_zeros` is not known to srcdiff", "np.trim_zeros(x)", x3)
def unknown_numpy(x):
    return np.trim_zeros(x)


@case("`gmean` is not known to srcdiff", "stats.gmean(x)", x3)
def wrapped_by_scipy(x):
    return stats.gmean(x)


@case("`scipy.stats.skewnorm.logpdf` is not known to srcdiff", "stats.skewnorm.logpdf(x, 1.0)", x3)
def unknown_method_of_a_library(x):
    return np.sum(stats.skewnorm.logpdf(x, 1.0))


def _for_ever(x):
    return _for_ever(x - 1.0) + 1.0


@case("`_for_ever` calls itself on every path", "_for_ever(x)", 3.0)
def recursion_without_end(x):
    return _for_ever(x)


def _fill(x, out, k):
    if k < len(x):
        out[k] = x[k]
        _fill(x, out, k + 1)


@case("`_fill` calls itself, and writes into its arguments", "_fill(x, out, 0)", x3)
def recursion_that_writes(x):
    out = np.zeros(3)
    _fill(x, out, 0)
    return np.sum(out)


@case("`y` may not be bound here", "y", 1.0, 2.0)
def unbound(x, k):
    if x > k:
        y = x
    return y


@case("`undefined_name` is not defined", "undefined_name", 1.0)
def undefined(x):
    return x + undefined_name


@case("`y` is a number on one path and 'none' on another", "y", 1.0, 2.0)
def conflict(x, k):
    y = "none"
    if x > k:
        y = x
    return y * 2.0


@case("truth value of an array is ambiguous", "x > 0", x3)
def ambiguous(x):
    return 1.0 if x > 0 else 2.0


@case("this loop never ends", "while True:", 1.0)
def endless(x):
    while True:
        x = x + 1.0
    return x


@case("too many indices: the array has 1 axes, 2 were indexed", "x[0, 1]", x3)
def too_many(x):
    return x[0, 1]


@case(
    "too many indices: the array has 1 axes, 2 were indexed", "x[mask]", x3, np.ones((3, 1), bool)
)
def mask_of_more_axes(x, mask):
    return np.sum(x[mask])


@case("np.add.at takes an array, a subscript and what is added", "np.add.at(x, 1)", x3)
def added_nothing(x):
    np.add.at(x, 1)
    return x[0]


@case("the offset k must be known when compiling", "np.triu_indices(3, int(x[0]))", x3)
def triangle_of_the_run(x):
    rows, _columns = np.triu_indices(3, int(x[0]))
    return np.sum(x[rows])


@case("a matrix is expected, the array has 1 axes", "np.triu_indices_from(x)", x3)
def triangle_of_a_vector(x):
    return np.sum(x[np.triu_indices_from(x)[0]])


@case("the axes of np.tensordot do not fit", "np.tensordot(x, x, 2)", x3)
def too_many_axes_summed(x):
    return np.tensordot(x, x, 2)


@case("np.cross is differentiated for vectors of three numbers", "np.cross(x, x)", np.ones(2))
def cross_of_two(x):
    return np.cross(x, x)


@case("np.ix_ takes vectors", "np.ix_(x, x)", np.ones((2, 2)))
def mesh_of_a_matrix(x):
    return x[np.ix_(x, x)]


@case("1.5 is not an index", "x[1.5]", x3)
def float_index(x):
    return x[1.5]


@case("the dict has no key 'b'", 'd["b"]', {"a": 1.0})
def no_key(d):
    return d["b"]


@case("3 values cannot be unpacked into 2 names", "a, b", 1.0)
def unpack(x):
    a, b = (x, x, x)
    return a


@case("g() misses the argument `b`", "g(x)", 1.0)
def misses(x):
    def g(a, b):
        return a * b

    return g(x)


@case("g() has no parameter `c`", "g(x, c=2)", 1.0)
def no_parameter(x):
    def g(a):
        return a

    return g(x, c=2)


@case("cannot loop over float64", "x", 1.0)
def loop_over_number(x):
    for v in x:
        pass
    return x


@case("writing into a tuple is not supported", "t[0]", 1.0)
def write_tuple(x):
    t = (x, 2.0)
    t[0] = x
    return t[1]


@case("`match` is supported on constants only", "match x:", 1.0)
def matches(x):
    match x:
        case [a, b]:
            return a
    return x


@case(
    "a list whose length is known only when the program runs is assigned with a step",
    "xs[::2]",
    1.0,
)
def every_other_item(x):
    xs = [x, x**2, 2.0]
    xs[::2] = [3.0, x]
    return xs[1]


@case("a slice of a list is changed in place", "xs[1:] += [x]", 1.0)
def slice_of_a_list_extended(x):
    xs = [x, 2.0]
    xs[1:] += [x]
    return xs[2]


@case("`Odd` is not known to srcdiff", "Odd(x)", 1.0)
def objects(x):
    return Odd(x).y


class Odd:
    def __new__(cls, y):
        return object.__new__(cls)


class Plain:
    def __init__(self, y):
        self.y = y


@case("a Plain is not a sequence", "Plain(x)", 1.0)
def object_iterated(x):
    for v in Plain(x):
        x = x + v
    return x


@case("this Plain has no attribute `z` here", "Plain(x).z", 1.0)
def object_without_the_attribute(x):
    return Plain(x).z


@case("an object is changed after it was put on a list", "p.y", 1.0, 3)
def object_changed_on_a_list(x, n):
    p, out = Plain(x), []
    for k in range(n):
        out.append(p)
        p.y = p.y * k
    return out[0].y


@case("this sets an attribute of `OUTSIDE`", "OUTSIDE.y", 1.0)
def object_from_outside(x):
    OUTSIDE.y = x
    return OUTSIDE.y


OUTSIDE = Plain(1.0)


@case("has no attribute `no_such`", "np.no_such", 1.0)
def no_attribute(x):
    return np.no_such(x)


@case("async", "async def coroutine(x):", 1.0)
async def coroutine(x):
    return x


@case("`.tobytes` of float64[x0] is not known to srcdiff", "x.tobytes()", x3)
def unknown_method(x):
    return x.tobytes()[0]


@case("the list holds float64", "xs.append((x, x))", 1.0)
def mixed_list(x):
    xs = []
    for i in range(20):
        xs.append(x)
        xs.append((x, x))
    return xs[0]


@case("`nothing_found_yet` may return None", "return best", x3)
def nothing_found_yet(x):
    best = None
    for v in x:
        if best is None or v > best:
            best = v
    return best


@case("`falls_through` may return None", "return x", 1.0)
def falls_through(x):
    if x > 5:
        return x


@case("`different` returns values of different kinds", "return x", 1.0)
def different(x):
    if x > 5:
        return x
    return x, x


@case("`total` changes its type in the loop", "for i in range(20):", x3)
def sum_read_as_a_number(x):
    total, seen = 0, 0.0
    for i in range(20):
        total = total + x
        seen += np.sum(total + 1)
    return seen


@case("this loop changes the length of the list that it goes over", "for v in items:", x3)
def grown_under_way(x):
    items = [v * v for v in x]
    total = 0.0
    for v in items:
        if len(items) < 9:
            items.append(v * x[0])
        total += v
    return total


@case("this loop changes the length of what it goes over", 'for v in d["items"]:', x3)
def shortened_under_way(x):
    d = {"items": [x[0], x[1], x[2]]}
    total = 0.0
    for v in d["items"]:
        total += v * d["items"].pop()
    return total


@case("one dict is changed in every iteration, and put on a list", "for v in x:", x3)
def one_dict_again_and_again(x):
    d = {"v": 0.0}
    out = []
    for v in x:
        d["v"] = v
        out.append(d)
    return out[0]["v"] * out[1]["v"]


@case("a dict is changed after it was put on a list", 'd["v"]', x3)
def dict_changed_on_a_list(x):
    d = {"v": x[0]}
    out = []
    out.append(d)
    d["v"] = x[1]
    return out[0]["v"] * x[2]


@case("writing into dict('v': float64!) is not supported here", 'out[0]["v"]', x3)
def dict_taken_from_a_list(x):
    out = []
    for v in x:
        out.append({"v": v})
    out[0]["v"] = x[1] ** 2
    return out[0]["v"] * out[1]["v"]


@case("a list is extended by itself", "items.extend(items)", x3)
def extended_by_itself(x):
    items = [v * v for v in x]
    items.extend(items)
    return items[0]


@case("`math.log` takes fewer arguments here", "math.log(x, 2.0, 3.0)", 1.0)
def logarithm_of_three(x):
    return math.log(x, 2.0, 3.0)


@case(
    "whether axis 0 has length 1, and is dropped, is known only when this runs",
    "np.squeeze(x[x > 0])",
    x3,
)
def squeezes_a_length_that_the_run_decides(x):
    return np.sum(np.squeeze(x[x > 0]))


@case("what is put on this list is not known where the list is made", "batch.append(v)", x3)
def starts_a_list_anew_in_the_loop(x):
    batch, total = [], 0.0
    for v in x:
        batch.append(v)
        if len(batch) == 2:
            total += batch[0] * batch[1]
            batch = []
    return total


@case(
    "`np.searchsorted` of complex numbers is not supported: they have no order",
    "np.searchsorted(x + 1j, 1j)",
    x3,
)
def searches_complex_numbers(x):
    return x[np.searchsorted(x + 1j, 1j)]


@case("this raises TypeError: unsupported operand", "None**2", 1.0)
def squares_none(x):
    return x * None**2


@case("this raises TypeError: '<' not supported", '"a" < 3', 1.0)
def compares_text_and_number(x):
    return x if "a" < 3 else 2.0 * x


@case("this raises ValueError: could not convert", 'float("one")', 1.0)
def reads_no_number(x):
    return x * float("one")


@case("data type 'foo' not understood", 'np.zeros(3, "foo")', 1.0)
def no_dtype(x):
    return x * np.zeros(3, "foo").sum()


@case("the list holds int64[2], and float64[2] is put on it", "rows[0] = x[:2]", x3)
def puts_floats_among_integers(x):
    rows = [np.zeros(2, int) for _ in range(len(x))]
    rows[0] = x[:2]
    return rows[0].sum()


@case("`nditer` is not known", "np.nditer(x)", x3)
def loops_over_an_iterator_of_numpy(x):
    return sum(v * v for v in np.nditer(x))


@case(
    "a container of parts of different types and a list whose length is not known",
    "names",
    [1.0, 2.0],
    ("x", "y"),
)
def names_and_a_list(xs, names):
    s = 0.0
    for name, x in zip(names, xs):
        s += x if name == "x" else 2.0 * x
    return s


@case("what may be None is put on a list", "seen.append(previous)", x3)
def puts_none_on_a_list(x):
    previous, seen = None, []
    for v in x:
        seen.append(previous)
        previous = v
    return sum(v for v in seen if v is not None)


@case("two values that may be None are compared", "low == high", x3)
def compares_what_may_be_none(x):
    low = high = None
    for v in x:
        if v < 0:
            low = v
        else:
            high = v
    return x[0] if low == high else x[1]


@case("a range or an iterator is put on a list", "ranges.append(range(k))", x3)
def puts_ranges_on_a_list(x):
    ranges = []
    for k in range(len(x)):
        ranges.append(range(k))
    return sum(x[i] for several in ranges for i in several)


@case(
    "a tuple whose length is known only when the program runs is a subscript",
    "A[tuple(where)]",
    np.eye(3),
    [1, 2],
)
def subscripts_by_a_tuple_of_any_length(A, where):
    return np.sum(A[tuple(where)])


@case("an item of a tuple is assigned", "items[0] = 1.0", x3)
def assigns_an_item_of_a_tuple(x):
    items = tuple(v * 2.0 for v in x)
    try:
        items[0] = 1.0
    except TypeError:
        return sum(items)
    return 0.0


@case("whether this is Python's True or False, and not NumPy's, is not known", "above is True", x3)
def compares_a_truth_value_with_true(x):
    above = False
    for v in x:
        if v > 2:
            above = True
    return x[0] if above is True else x[1]


@case("the axis along which arrays are joined must be an integer", "np.stack([x, x], 0.5)", x3)
def joins_along_half_an_axis(x):
    return np.stack([x, x], 0.5).sum()
