"""Functions of arrays take lists of numbers, as NumPy's do."""

import itertools
import re

import numpy as np
import pytest
from ops.sample_programs import Case, cases, composites, quietly
from transforms.sources import source

import srcdiff

CALLS = (
    "np.linalg.norm({v})", "np.linalg.norm({v}, 1)", "np.linalg.norm({v}, 3)", "np.mean({v})", "np.var({v})",
    "np.std({v})",
    "np.ptp({v})", "np.median({v})", "np.sum(np.cumsum({v}) ** 2)", "np.nansum({v})", "np.nanmax({v})",
    "np.max({v})",
    "np.prod({v})", "np.sum({v}, where=[True, False])", "np.dot({v}, {v})", "np.dot({v}, [[x, 1.0], [y, x]])[0]",
    "np.sum(np.diff({v}) ** 2)", "np.average({v})", "np.quantile({v}, 0.3)", "np.inner({v}, {v})",
    "np.sum(np.outer({v}, {v}))",
    "np.trapezoid({v})" if hasattr(np, "trapezoid") else "np.trapz({v})",
)  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.filterwarnings("error")
def test_a_list_stands_for_an_array(call):
    texts = [call.format(v=v) for v in ("[x, x * y + 2.0]", "np.array([x, x * y + 2.0])")]
    of_list, of_array = (source(f"def f(x, y):\n    return {text}\n") for text in texts)
    found = srcdiff.value_and_grad(of_list, argnums=(0, 1), on_independent="ignore")(2.0, 0.7)
    expected = srcdiff.value_and_grad(of_array, argnums=(0, 1), on_independent="ignore")(2.0, 0.7)
    assert found[0] == pytest.approx(of_list(2.0, 0.7))
    np.testing.assert_allclose(found[1], expected[1])


OF_TWO = (
    "np.concatenate([a, b])", "np.vstack((a, b))", "np.hstack([a, b])", "np.stack([a, b])", "np.dstack([a, b])",
    "np.column_stack([a, b])", "np.block([a, b])", "np.append(a, b, axis=0)", "np.append(a, b)",
    "np.dot(a, b)", "np.kron(a, b)", "np.inner(a, b)", "np.outer(a, b)", "np.vdot(a, b)", "np.matmul(a, b)",
    "np.tensordot(a, b, 1)", "np.add(a, b)", "np.hypot(a, b)", "np.transpose(a) + b",
)  # fmt: skip
SEQUENCES = ((1.0, 2.0), [3.0, 5.0], ((1.0, 2.0), (4.0, 3.0)), [[2.0, 3.0], [1.0, 4.0]])


@pytest.mark.parametrize("call", OF_TWO)
@pytest.mark.filterwarnings("ignore::srcdiff.DynamicWarning")
def test_sequences_that_are_arguments_stand_for_arrays(call):
    f = source(f"def f(a, b):\n    return np.sum({call} ** 3)\n")
    gradient = srcdiff.value_and_grad(f, argnums=(0, 1), jit=False)
    for a, b in itertools.product(SEQUENCES, SEQUENCES):
        try:
            expected = f(a, b), gradient(np.array(a), np.array(b))[1]
        except (TypeError, ValueError):  # np.block of a tuple, arrays of other axes
            continue
        found = gradient(a, b)
        assert found[0] == pytest.approx(expected[0])
        for one, other in zip(found[1], expected[1], strict=True):
            np.testing.assert_allclose(one, other)


def is_of_a_vector(case: Case) -> bool:
    first = case.values()[0] if case.sample.wrt[:1] == (0,) else None
    is_vector = np.ndim(first) == 1 and len(first) > 0
    return is_vector and case.is_smooth and re.search(OF_ARRAYS, case.text) is None


OF_ARRAYS = r"\bx[.=]|lambda|\bx [/<>]|argpartition|searchsorted|digitize"  # texts that no list can stand in


# these take lists for other things, have any number of arrays, or give lists
OTHERS = {
    *("array_of", "asarray", "ascontiguousarray", "broadcast_arrays", "huber", "pseudo_huber", "multi_dot"),
    *("extract", "lexsort", "geomspace", "array_split", "split", "unwrap", "block", "meshgrid", "ufunc_where"),
}  # fmt: skip
OF_VECTORS = [c for c in cases(composites()) if is_of_a_vector(c) and c.decl.name not in OTHERS]


@pytest.mark.long
@pytest.mark.parametrize("case", OF_VECTORS, ids=lambda c: c.label)
@pytest.mark.filterwarnings("error::srcdiff.DynamicWarning")
def test_a_list_stands_for_the_first_array_of_library_functions(case):
    values = case.values()
    names, listed = "xyzw"[: len(values)], ", ".join(f"x[{k}]" for k in range(len(values[0])))
    text = re.sub(r"\bx\b", f"[{listed}]", case.text)
    of_list = source(f"import scipy\n\ndef f({', '.join(names)}):\n    return np.sum({text})\n")
    of_array = source(
        f"import scipy\n\ndef f({', '.join(names)}):\n    return np.sum({case.text})\n"
    )

    def compare():
        found, expected = (srcdiff.grad(f, jit=False)(*values) for f in (of_list, of_array))
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    quietly(compare)


def test_whether_a_number_is_real_is_known():
    f = source("def f(x):\n    return x**2 if np.isreal(x) and not np.iscomplex(x) else x\n")
    assert srcdiff.grad(f)(2.0) == 4.0
