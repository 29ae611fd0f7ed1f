"""Scalar promotion: additions of a loop to one element of an array are summed in a number."""

from transforms.hard_programs import V
from transforms.passes import check, unchanged
from transforms.sources import loops_agree, source

import srcdiff
from srcdiff.transforms.buffers.scalar_promotion import sums_in_memory


def test_additions_to_one_element_are_one():
    check(
        sums_in_memory,
        """
        def f(%x: float64[x0], %n: int64{n}, %c: int64{c}) -> 0 {
          %d: float64[x0] = zeros_like %x
          for 0, %n, 1 {
            (%i: int64{i}) ->
            %v: float64! = index[where='i'] %x, %i
            add_into[where='i'] %d, %v, %c
            yield
          }
          yield %d
        }
        """,
        """
        def f(%x: float64[x0], %n: int64{n}, %c: int64{c}) -> 0 {
          %d: float64[x0] = zeros_like %x
          %total: float64 = for 0, %n, 1 with 0.0 {
            (%i: int64{i}, %total.1: float64) ->
            %v: float64! = index[where='i'] %x, %i
            %0: float64 = add %total.1, %v
            yield %0
          }
          %1: bool = test[text='{0} < {1}'] 0, %n
          if %1 ;compiler {
            add_into[where='i'] %d, %total, %c
            yield
          } else {
            yield
          }
          yield %d
        }
        """,
        V(3),
        3,
        1,
    )


def test_an_element_that_the_loop_reads_stays_in_memory():
    unchanged(
        sums_in_memory,
        """
        def f(%x: float64[x0], %n: int64{n}, %c: int64{c}) -> 0 {
          %d: float64[x0] = zeros_like %x
          for 0, %n, 1 {
            (%i: int64{i}) ->
            %v: float64! = index[where='i'] %d, %i
            add_into[where='i'] %d, %v, %c
            yield
          }
          yield %d
        }
        """,
        V(3),
        3,
        1,
    )


ROWS = """
    def f(A, x):
        b, s = np.zeros(len(A)), 0.0
        for i in range(len(A)):
            for j in range(i):
                b[i] += A[i, j] * x[j]
                b[j] -= x[i]
            s += np.sin(b[i])
        return s
"""


def test_rows_of_different_lengths_agree():
    loops_agree(ROWS, V(9).reshape(3, 3), V(3))
    loops_agree(ROWS, V(9).reshape(3, 3), V(3), fastmath=False)


def test_an_element_that_loops_around_go_through_is_there():
    loops_agree(PRODUCTS, V(3), V(0))
    text = srcdiff.value_and_grad(source(PRODUCTS)).loop_source_for(V(3), V(4))
    assert "if 0 <" not in text


PRODUCTS = """
    def f(x, y):
        total = 0.0
        for i in range(len(x)):
            for j in range(len(y)):
                total += np.sin(x[i] * y[j])
        return total
"""
