"""Output parameters: result arrays are parameters that a kernel adds to."""

import pytest
from transforms.passes import program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.gpu.device.out_params import given_results

FILLED = """
def f(%x: float64[n]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %d: float64[n] = {made}[type=type(float64[n])]
  for 0, %n, 1 {{
    (%i: int64{{i}}) ->
    %a: float64! = index[where='i'] %x, %i
    {fill}
    yield
  }}
  {behind}
  yield %d
}}
"""
STORE = "store[where='i'] %d, %a, %i"
ADD = "add_into[where='i'] %d, %a, %i"


def given(made: str, fill: str, behind: str = "") -> str:
    text = FILLED.format(made=made, fill=fill, behind=behind)
    return to_text(given_results(program(text), ["d_x"]))


@pytest.mark.parametrize(("made", "fill"), [("zeros_of", ADD), ("empty_of", STORE)])
def test_what_fills_a_result_once_adds_to_it(made: str, fill: str) -> None:
    text = given(made, fill)
    assert "def f(%x: float64[n], %d_x: float64[n])" in text
    assert "add_into[where='i'] %d_x, %a, %i" in text
    assert made not in text
    assert "store" not in text


@pytest.mark.parametrize(
    ("made", "fill", "behind"),
    [
        ("empty_of", "store[where='i'] %d, %a, 0", ""),  # one place several times
        ("zeros_of", ADD, "%r: float64! = index[where='i'] %d, 0"),  # read
        ("zeros_of", ADD, "store[where='i'] %d, 1.0, 0"),  # written over
        ("empty_of", f"{ADD}\n    {STORE}", ""),  # what is stored counts from then on
    ],
)
def test_any_other_result_is_added_at_the_end(made: str, fill: str, behind: str) -> None:
    text = given(made, fill, behind)
    assert made in text
    assert "add_into[where='i'] %d_x" in text.rpartition("for 0")[2]
    assert "%d_x" not in text.partition("for 0")[2].rpartition("for 0")[0]


def test_what_a_loop_with_a_condition_stores_is_added_at_the_end() -> None:
    fill = "for 0, %n, 1 {\n    (%i: int64{i}) ->"
    repeated = """while do {
    () ->
    %i: int64 = add 0, 0
    %go: bool = less %n, 0"""
    text = FILLED.format(made="empty_of", fill=STORE, behind="")
    assert fill in text
    text = text.replace(fill, repeated).replace("    yield\n", "    yield %go\n", 1)
    found = to_text(given_results(program(text), ["d_x"]))
    assert "empty_of" in found
    assert "%d_x" not in found.partition("while")[2].partition("for 0")[0]
