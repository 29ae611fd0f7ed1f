"""Exit tests of `while` loops with `break`: the last, partial iteration stores nothing."""

import numpy as np
import pytest
from fuzz.compare import expected, function_of, generated
from transforms.passes import changed, program, unchanged

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.ad.tape.peel_exit_test import peel_exit_tests

ASKS = """import numpy as np
def f(x, n):
    k = 0
    total = 0.0
    while k < n:
        k += 1
        x = np.cos(x) + 0.4 * total
        total += x * x
        if total > 3.0:
            break
        x = x * total
    return total + x * k
"""
RETURNS = """import numpy as np
def f(x, n):
    k = 0
    y = np.zeros(3)
    while np.sum(y) < n:
        y[k % 3] = y[k % 3] * x + np.sin(x + k)
        if y[0] > 2.5:
            return y[1] * x
        k += 1
        x = x * 1.1
    return np.sum(y * y) + x
"""
NESTED = """import numpy as np
def f(x, n):
    total = 0.0
    for i in range(4):
        k = 0
        while k < n - i:
            k += 1
            if k == 3:
                continue
            x = np.sin(x + 0.1 * k)
            total += x * x * i
            if total > 4.0:
                break
    return total * x
"""
ANSWERS = """import numpy as np
def f(x, n):
    k = 0
    while True:
        y = x * x
        if k >= n:
            x = x + y
            break
        if y > 40.0:
            break
        k += 1
        x = np.exp(0.3 * np.sin(x)) * y
    return x * y
"""


@pytest.mark.parametrize(
    "text", [ASKS, RETURNS, NESTED, ANSWERS], ids=["asks", "returns", "nested", "answers"]
)
@pytest.mark.parametrize("mode", ["auto", "store", "recompute"])
@pytest.mark.parametrize("n", [0, 1, 3, 6])
def test_the_gradient_is_that_of_all_iterations(text, mode, n):
    f = function_of(text)
    want = expected(f, (0.7, n))
    value, (d_x,) = generated(f, (0,), mode)(0.7, n)
    assert value == pytest.approx(want.value, rel=1e-12)
    assert want.has_slope(d_x * want.directions[0])


def test_what_only_asks_is_not_kept():
    source = srcdiff.grad(function_of(ASKS)).source_for(0.7, 5)
    assert "while k < n:" in source
    assert "while True" not in source
    assert "ks" not in source


def test_a_last_iteration_that_changes_something_stays():
    source = srcdiff.grad(function_of(ANSWERS)).source_for(0.7, 5)
    assert "while True" in source
    np.testing.assert_allclose(function_of(ANSWERS)(0.7, 0), 0.7 * 0.49 + 0.49 * 0.49)


CARRIES = """
    def f(%x: float64, %n: int64) -> tuple(0: 0, 1: 1) {{
      %ys: list of float64 = list_new[element=type(float64)] ;compiler
      %cs: list of bool = list_new[element=type(bool)] ;compiler
      %k: int64, %y: float64, %last: float64 = while pair=2 with 0, %x, %x do {{
        (%k.1: int64, %y.1: float64, %last.1: float64) ->
        append %ys, %y.1 ;compiler
        %c: bool = less %k.1, %n
        append %cs, %c ;compiler
        %2: float64 = multiply %y.1, 2.0
        %go: bool, %k.2: int64, %y.2: float64 = if %c pair=1 {{
          %3: int64 = add %k.1, 1
          %4: float64 = sin %y.1
          yield True, %3, %4
        }} else {{
          yield False, %k.1, %y.1
        }}
        yield %go, %k.2, %y.2, {carried}
      }}
      %m: int64 = list_length %ys ;adjoint
      %d_x: float64 = for 0, %m, 1 reverse pair=2 with 1.0 ;adjoint {{
        (%i: int64, %d_y: float64) ->
        %5: float64 = list_item %ys, %i ;adjoint
        %6: bool = list_item %cs, %i ;adjoint
        %d_y.1: float64 = if %6 pair=1 ;adjoint {{
          %7: float64 = cos %5 ;adjoint
          %8: float64 = multiply %d_y, %7 ;adjoint
          yield %8
        }} else {{
          yield %d_y
        }}
        yield %d_y.1
      }}
      yield %last, %d_x
    }}
"""


def test_the_last_iteration_may_change_no_carried_value():
    new = changed(peel_exit_tests, program(CARRIES.format(carried="%last.1")), 0.7, 3)
    assert "list_item %cs" not in to_text(new)
    unchanged(peel_exit_tests, CARRIES.format(carried="%2"), 0.7, 3)
