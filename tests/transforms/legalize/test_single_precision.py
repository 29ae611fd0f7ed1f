"""Single precision: programs over float32 have no operation in double precision."""

from transforms.passes import program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.legalize.single_precision import is_single, single

TEXT = """
def f(%x: float32[n], %rate: float64, %k: int64{{k}}) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %s: float64 = for 0, %n, 1 with 0.0 {{
    (%i: int64{{i}}, %s.1: float64) ->
    %a: float32! = index[where='i'] %x, %i
    %b: float64! = astype[dtype='float64'] %a
    %c: float64! = multiply %b, %k
    %s.2: float64 = add %s.1, %c
    yield %s.2
  }}
  {more}
  yield %s
}}
"""


def test_values_numbers_and_parameters_are_narrow() -> None:
    text = to_text(single(program(TEXT.format(more=""))))
    assert "float64" not in text
    assert "%rate: float32!" in text
    assert "with np.float32(0.0)" in text
    assert "astype@np.float32[dtype='float32'] %k" in text  # an integer beside floats
    assert "multiply %a," in text  # and no cast of what is narrow


def test_a_copy_that_is_written_stays_a_copy() -> None:
    more = "%d: float64[n] = astype[dtype='float64'] %x\n  store[where='i'] %d, 1.0, 0"
    text = to_text(single(program(TEXT.format(more=more))))
    assert "%d: float32[n] = copy %x" in text
    assert "store[where='i'] %d" in text


def test_programs_with_wide_arrays_stay() -> None:
    fn = program(TEXT.format(more="").replace("%rate: float64", "%rate: float64[m]"))
    assert not is_single(fn)
    assert single(fn) is fn
