"""Arrays without axes: refused where they are changed in place and read under another name, right elsewhere."""

import numpy as np
import pytest
from fuzz.compare import problems

import srcdiff

X = np.array([0.5, -0.3, 0.8])
BOX = np.array(0.7)


def second_name(x):
    s = np.array(0.0)
    t = s
    s += x[0]
    return t * x[1]


def on_one_path(x):
    s = np.array(1.0)
    t = s if x[0] > 0 else np.array(2.0)
    t += x[1]
    return s * t


def in_a_loop(x):
    s = np.array(0.0)
    first = s
    for v in x:
        s += v
    return first * s


def larger_of_two(x):
    s = np.array(1.0)
    t = max(s, x[0])
    s += x[1]
    return s * t


def part_of_an_array(x):
    y = x * 1.0
    z = y[..., 0]
    z += x[1]
    return np.sum(y**2)


def part_that_the_array_changes(x):
    y = x * 1.0
    z = y[..., 0]
    y[0] = 2.0 * x[1]
    return z * x[2]


def reshaped_part(x):
    y = x * 1.0
    s = y[:1].reshape(())
    s += x[1]
    return np.sum(y**2)


def array_over_a_number(x):
    s = np.array(0.0)
    v = s.reshape(1)
    v += x[0]
    return s * x[1]


def put_on_a_list_before(x):
    s, sums = np.array(0.0), []
    for v in x:
        s += v
        sums.append(s)
    return sums[0] * sums[-1]


def add_to(s, v):
    s += v


def changed_by_a_helper(x):
    s = np.array(0.0)
    add_to(s, x[0])
    return s * x[1]


def doubled(a):
    b = a
    a *= 2.0
    return a * b


def made_for_a_helper(x):
    return doubled(np.array(x[0]))


@pytest.mark.parametrize(
    "f",
    [
        second_name,
        on_one_path,
        in_a_loop,
        larger_of_two,
        part_of_an_array,
        part_that_the_array_changes,
        reshaped_part,
        array_over_a_number,
        put_on_a_list_before,
        changed_by_a_helper,
        made_for_a_helper,
    ],
)
def test_a_change_that_another_name_would_show_is_refused_at_its_line(f):
    with pytest.raises(srcdiff.UnsupportedError, match="without axes") as caught:
        srcdiff.grad(f)(X)
    assert caught.value.source_line.strip().partition("  #")[0] in CHANGES


CHANGES = (
    "s += x[0]", "t += x[1]", "s += v", "s += x[1]", "z += x[1]", "y[0] = 2.0 * x[1]", "v += x[0]",
    "add_to(s, x[0])", "return doubled(np.array(x[0]))",
)  # fmt: skip


def one_name(x):
    s, t = np.array(1.0), np.array(2.0)
    for v in x:
        if v > 0:
            s += v
        else:
            t -= v
    while s < 5.0:
        s += t
    return s * t


def copied(x):
    s = np.array(2.0)
    t, u = s.copy(), s * 1.0
    s *= x[0]
    return s * t * u * x[1]


def numbers(x):
    s = x[0]
    t = s
    s += x[1]
    total = np.sum(x)
    before = total
    total -= 1.0
    return s * t * total * before + doubled(x[2])


def made_in_each_iteration(x):
    found = []
    for v in x:
        s = np.array(v)
        for _ in range(2):
            s += 1.0
        found.append(s)
    return found[0] * found[1] * found[2]


def in_a_dict(x):
    d = {"sum": np.array(0.0)}
    for v in x:
        d["sum"] += v**2
    return d["sum"] * x[0]


@pytest.mark.parametrize("f", [one_name, copied, numbers, made_in_each_iteration, in_a_dict])
def test_what_has_one_name_is_changed(f):
    assert problems(f, (X,), second=True) == []


def parameter(s, x):
    t = s
    s += x[0]
    return t * s


def part_of_a_parameter(p, x):
    q = p["loss"]
    p["loss"] += x[0]
    return q * p["loss"] * p["other"]


def by_a_helper(s, x):
    add_to(s, x[0])
    return s * x[1]


def other_part_of_a_parameter(p, x):
    q = p["other"]
    p["loss"] += x[0]
    return q * p["loss"]


@pytest.mark.parametrize("kind", [srcdiff.grad, srcdiff.hvp])
@pytest.mark.parametrize("f", [parameter, by_a_helper])
def test_a_parameter_may_be_a_number(kind, f):
    g = kind(f, argnums=1)
    further = (X,) if kind is srcdiff.hvp else ()
    assert np.array_equal(g(np.float64(0.7), X, *further), g(0.7, X, *further))
    with pytest.raises(srcdiff.UnsupportedError, match="without axes, `s`"):
        g(BOX, X, *further)


def test_a_part_of_a_parameter_may_be_a_number():
    p = {"loss": BOX, "other": BOX}
    g = srcdiff.grad(part_of_a_parameter, argnums=1)
    with pytest.raises(srcdiff.UnsupportedError, match=r"`p\['loss'\]`"):
        g(p, X)
    assert g({**p, "loss": BOX[()]}, X)[0] == pytest.approx(0.7 * 0.7)
    other = srcdiff.grad(other_part_of_a_parameter, argnums=1)
    assert other({**p, "other": BOX.copy()}, X)[0] == pytest.approx(0.7)
    with pytest.raises(srcdiff.UnsupportedError, match="overlap in memory"):
        other(p, X)


def test_elements_of_a_vector_on_a_list_are_numbers():
    def f(x):
        items = list(x)
        items[1] *= x[0]
        return items[1] * items[0] + np.sum(x)

    x = np.array([0.5, 1.5, 2.0])
    np.testing.assert_allclose(srcdiff.grad(f)(x), [1.0 + 2.0 * 0.5 * 1.5, 1.0 + 0.25, 1.0])


def positive(v):
    return np.where(v > 0.0, v, 0.0)


def positives(x):
    return [positive(v) for v in x]


def scaled_by_the_first(items, x):
    for i in range(len(items)):
        items[i] *= x[0]
    return items[0] * items[1] + items[2]


def filled_here(x):
    items = []
    for v in x:
        items.append(positive(v))
    return scaled_by_the_first(items, x)


def filled_by_a_helper(x):
    return scaled_by_the_first(positives(x), x)


@pytest.mark.parametrize("f", [filled_here, filled_by_a_helper])
def test_items_that_one_list_has_once_are_changed(f):
    assert problems(f, (np.abs(X),), second=True) == []


def filled_with_one(x):
    items, s = [], np.array(x[0])
    for _ in x:
        items.append(s)
    return scaled_by_the_first(items, x)


def filled_with_the_last(x):
    items, s = [], np.array(x[0])
    for v in x:
        if v > 0.6:
            s = positive(v)
        items.append(s)
    return scaled_by_the_first(items, x)


def in_two_lists(x):
    items = positives(x)
    others = list(items)
    return scaled_by_the_first(items, x) * others[0]


def taken_before(x):
    items = positives(x)
    first = items[0]
    return scaled_by_the_first(items, x) * first


def moved_before_it_is_stored(x):
    items = positives(x)
    item = items[0]
    item *= x[1]
    return items[0] * x[2]


@pytest.mark.parametrize(
    "f",
    [
        filled_with_one,
        filled_with_the_last,
        in_two_lists,
        taken_before,
        moved_before_it_is_stored,
    ],
)
def test_items_that_have_another_name_are_refused(f):
    with pytest.raises(srcdiff.UnsupportedError, match="without axes"):
        srcdiff.grad(f)(np.abs(X))


def one_twice(x):
    s = np.array(x[0])
    return s, s


def changed_under_both_names(x):
    s, t = one_twice(x)
    s *= x[1]
    return s * t


def two(x):
    return np.array(x[0]), np.array(x[1])


def changed_under_its_name(x):
    s, t = two(x)
    s *= x[2]
    return s * t


def test_what_a_helper_makes_may_be_both_of_its_results():
    with pytest.raises(srcdiff.UnsupportedError, match="without axes"):
        srcdiff.grad(changed_under_both_names)(X)
    assert problems(changed_under_its_name, (X,), second=True) == []


HERE = {"left": BOX, "right": BOX}


def change_of_a_global(x):
    s = BOX
    s += x[0]
    return s * x[1]


def change_of_a_part_of_a_global(x):
    s = HERE["left"]
    s += x[0]
    return HERE["right"] * x[1]


def change_on_one_path(x):
    s = np.array(1.0) if x[0] < 0 else BOX
    s *= x[1]
    return x[0] * x[1]


def change_by_a_helper(x):
    add_to(BOX, x[0])
    return x[0] * x[1]


def found(x):
    return BOX


def change_of_what_a_helper_finds(x):
    s = found(x)
    s *= x[1]
    return s * x[0]


def change_by_a_constant(x):
    s = BOX
    s *= 2.0
    return s * x[0]


def change_of_a_view(x):
    s = BOX.reshape(1)
    s[0] = x[1]
    return BOX * x[0]


@pytest.mark.parametrize(
    "f",
    [
        change_of_a_global,
        change_of_a_part_of_a_global,
        change_on_one_path,
        change_by_a_helper,
        change_of_what_a_helper_finds,
        change_by_a_constant,
        change_of_a_view,
    ],
)
def test_a_change_of_one_from_outside_is_refused(f):
    with pytest.raises(srcdiff.UnsupportedError, match=r"this changes `(BOX|HERE\['left'\])`"):
        srcdiff.grad(f)(X)


def changed_parameter(x, s, other):
    s *= x[0]
    return s * x[1] * np.sum(other) * BOX


def test_a_parameter_that_is_changed_may_be_nothing_else():
    g = srcdiff.grad(changed_parameter)
    expected = g(X, 0.3, 2.0)
    assert np.array_equal(g(X, np.array(0.3), np.array(2.0)), expected)
    own = np.array([0.3])
    for s, other in ((BOX, 2.0), (np.array(0.3),) * 2, (own.reshape(()), own)):
        with pytest.raises(srcdiff.UnsupportedError, match="overlap in memory"):
            g(X, s, other)
        assert np.all(np.isfinite(g(X, s.copy(), other)))
