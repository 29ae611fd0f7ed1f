"""Programs whose types only the run knows: they were refused before the dynamic tier."""

import itertools

import numpy as np
import pytest

import srcdiff

x3 = np.array([0.5, -1.2, 0.8])


class Weights:
    def __init__(self, x):
        self.w0, self.w1, self.w2 = x


def a_name_that_is_computed(x):
    weights = Weights(x)
    total = 0.0
    for i in range(3):
        total += getattr(weights, f"w{i}") * (i + 1) ** 2
    return total * weights.w0


def names_beside_a_list_of_any_length(x):
    seen = []
    for v in x:
        if v > -2.0:
            seen.append(v)
    total = 0.0
    for name, v in zip(("a", "b", "a"), seen, strict=False):
        total += v * x[0] if name == "a" else v**2
    return total


def none_before_a_loop_and_a_list_of_its_own_behind(x):
    best = None
    for v in x:
        if best is None or v > best[0]:
            best = (v, [v])
        else:
            best[1].append(v)
    return best[0] * sum(best[1]) + x[1]


def a_number_that_becomes_a_list_in_a_loop(x):
    s = x[0]
    for k in range(6):
        if k == 3:
            s = [s, s * 2.0]
        elif k > 3:
            s.append(s[-1] * x[1])
        else:
            s = s * x[2]
    return sum(s)


def a_dict_of_pairs_with_computed_names(x):
    found = dict((f"k{i}", v) for i, v in enumerate(x))  # noqa: C402
    return found["k0"] * found["k1"] + found["k2"] ** 2


def what_an_iteration_or_a_path_made(x):
    for i in range(3):
        y = x * i
        total, some, found = y.sum, slice(i, i + 1), iter(y)
        weights = Weights(y + x)
        of_weights = weights.__init__
    if x[0] > 0.0:
        z = y * 2.0
        most = z.max
    of_weights(y)
    return total() ** 2 + sum(x[some]) * sum(found) + most() * weights.w0


def pairs_and_a_search_of_what_counts(x):
    calls = [0]

    def counted(v):
        calls[0] += 1
        return v * calls[0]

    pairs = sum(a * b for a, b in itertools.pairwise(map(counted, x)))
    found = any(map(lambda v: counted(v) > 1.0, x))  # noqa: C417
    return pairs * calls[0] + (x[0] if found else x[1])


def a_start_that_counts(x):
    calls = [0]

    def counted(v):
        calls[0] += 1
        return v * calls[0]

    return sum((counted(v) for v in x), counted(1.0))


def test_an_argument_behind_a_generator_is_there_before_its_items():
    message = "an argument after a generator changes something before"
    with pytest.warns(srcdiff.DynamicWarning, match=message):
        value, gradient = srcdiff.value_and_grad(a_start_that_counts)(x3)
    assert value == a_start_that_counts(x3)
    np.testing.assert_allclose(gradient, [2.0, 3.0, 4.0])


@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
@pytest.mark.parametrize(
    "function",
    [
        a_name_that_is_computed, names_beside_a_list_of_any_length, none_before_a_loop_and_a_list_of_its_own_behind,
        a_number_that_becomes_a_list_in_a_loop, what_an_iteration_or_a_path_made,
        pairs_and_a_search_of_what_counts, a_dict_of_pairs_with_computed_names,
    ],
)  # fmt: skip
def test_the_run_settles_what_reading_does_not(function):
    srcdiff.check_grads(function, x3, order=2)


def names_with_one_value(x):
    counts = dict.fromkeys(("a", "b"), 0.0)
    for v in x:
        if v > 0.0:
            counts["a"] += v**2
        else:
            counts["b"] += v
    first, *others = "a b a".split()  # noqa: SIM905
    return counts[first] * sum(counts[name] for name in others)


def test_dicts_of_equal_values_and_texts_unpacked_have_types():
    srcdiff.check_grads(names_with_one_value, x3, order=2)
    assert "def" in srcdiff.grad(names_with_one_value).source_for(x3)


def nested(x, n):
    return x if n < 1 else nested((x,), n - 1)


def unnested(x):
    y = nested(x, np.sum(np.ones(3)))
    while isinstance(y, tuple):
        y = y[0]
    return y**2


def test_types_that_nest_without_end_are_reported():
    with pytest.warns(srcdiff.DynamicWarning, match="the types of unnested nest without end"):
        assert srcdiff.grad(unnested)(2.0) == 4.0


def bits_of_a_set_s_items(x):
    y = x.copy()
    for _ in {1, 2}:
        y.view(np.int64)[0] = 1
    return np.sum(y)


def part_written(x):
    z = x * (1.0 + 2.0j)
    for _ in {1}:
        z.real[0] = 5.0
    return np.sum(np.abs(z) ** 2)


def array_written_after_its_part_is_taken(x):
    z = x * (1.0 + 2.0j)
    for _ in {1}:
        p = z.real
    z[0] = 7.0 * x[1]
    return np.sum(p**2)


def part_added_to(x):
    z = x * (1.0 + 2.0j)
    for _ in {1}:
        np.add.at(z.imag, [0, 0], x[1])
    return np.sum(np.abs(z) ** 2)


def whole_array_multiplied(x):
    z = x * (1.0 + 2.0j)
    for _ in {1}:
        p = z.imag
    z *= 2.0
    return np.sum(p**2)


@pytest.mark.parametrize(
    "function",
    [
        bits_of_a_set_s_items,
        part_written,
        array_written_after_its_part_is_taken,
        part_added_to,
        whole_array_multiplied,
    ],
)
def test_writes_that_an_array_and_its_part_share_are_refused(function):
    with (
        pytest.warns(srcdiff.DynamicWarning),
        pytest.raises(srcdiff.UnsupportedError, match="an array is written of which"),
    ):
        srcdiff.grad(function)(x3)


def test_parts_that_nothing_writes_are_read():
    def read(x):
        z = x * (1.0 + 2.0j)
        for _ in {1}:
            p = z.real
        return np.sum(p**2) + np.sum(z.imag)

    with pytest.warns(srcdiff.DynamicWarning):
        np.testing.assert_allclose(srcdiff.grad(read)(x3), 2.0 * x3 + 2.0)
