"""Lists as stacks: a list that only a kernel uses is an array with a capacity, and a count."""

from transforms.passes import program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.gpu.device.lists_to_stacks import stacks

TEXT = """
def f(%x: float64!, %n: int64{{n}}) -> 0 {{
  %xs: list of float64! = list_new[element=type(float64!)] ;compiler
  %ys: list of float64! = list_new[element=type(float64!)] ;compiler
  %z: float64! = for 0, %n, 1 with %x {{
    (%i: int64{{i}}, %z.1: float64!) ->
    append %xs, %z.1 ;compiler
    %z.2: float64! = exp %z.1
    {second}
    yield %z.2
  }}
  %m: int64{{m}} = list_length %xs ;adjoint
  %a: float64! = list_item %xs, 0 ;adjoint
  %b: float64! = {last} ;adjoint
  {behind}
  %s: float64! = add %a, %b
  yield %s
}}
"""
APPEND = "append %ys, %z.2 ;compiler"


def made(second: str = APPEND, last: str = "list_item %ys, 0", behind: str = "") -> str:
    return to_text(stacks(program(TEXT.format(second=second, last=last, behind=behind))))


def test_lists_that_grow_together_share_a_count_and_room() -> None:
    text = made()
    assert "list" not in text
    assert text.count("raise[") == text.count("empty[dtype='int64']") == 1
    assert "%xs: float64[xs_room], %ys: float64[xs_room]" in text
    inside = text.partition(" if ")[2].partition("yield")[0]
    assert "store[where='i'] %xs" in inside
    assert "store[where='i'] %ys" in inside


def test_a_list_that_is_popped_counts_for_itself() -> None:
    text = made(last="list_pop %ys")
    assert "%ys: float64[ys_room]" in text
    assert text.count("empty[dtype='int64']") == 2


def test_lists_that_others_see_stay() -> None:
    text = made(behind="%l: list of float64! = list_copy %ys")
    assert "%xs: float64[xs_room]" in text
    assert "%ys: list of float64! = list_new" in text
