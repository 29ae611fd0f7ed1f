"""Loop fusion: neighbouring loops become one, and inner loops then know the storage of the joined iterations."""

import numpy as np
from transforms.passes import changed, check, program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.schedule.fusion import fuse_nests

X = np.array([0.5, -1.0, 2.0])


def test_values_of_the_same_iteration_are_available():
    check(
        fuse_nests,
        """
        def f(%x: float64[n], %n: int64{n}) -> 0 {
          %t: float64[n] = empty[dtype='float64'] %n
          for 0, %n, 1 {
            (%i: int64{i}) ->
            %a: float64! = index[where='i'] %x, %i
            store[where='i'] %t, %a, %i
            yield
          }
          %s: float64 = for 0, %n, 1 with 0.0 {
            (%j: int64{j}, %s.1: float64) ->
            %b: float64! = index[where='i'] %t, %j
            %s.2: float64 = add %s.1, %b
            yield %s.2
          }
          yield %s
        }
        """,
        """
        def f(%x: float64[n], %n: int64{n}) -> 0 {
          %t: float64[n] = empty[dtype='float64'] %n
          %s: float64 = for 0, %n, 1 with 0.0 {
            (%i: int64{i}, %s.1: float64) ->
            %a: float64! = index[where='i'] %x, %i
            store[where='i'] %t, %a, %i
            %b: float64! = index[where='i'] %t, %i
            %s.2: float64 = add %s.1, %b
            yield %s.2
          }
          yield %s
        }
        """,
        X,
        3,
    )


def test_inner_loops_of_joined_iterations_wait_for_what_the_iteration_writes():
    """The second inner loop reads the buffer that is filled between the two: it cannot go to the first."""
    new = changed(
        fuse_nests,
        program(
            """
            def f(%x: float64[n], %n: int64{n}) -> tuple(0: 0, 1: 1) {
              %y: float64[n] = zeros[dtype='float64'] %n
              for 0, %n, 1 {
                (%i: int64{i}) ->
                for 0, 2, 1 {
                  (%j: int64{j}) ->
                  %a: float64! = index[where='i'] %x, %i
                  add_into[where='i'] %y, %a, %i
                  yield
                }
                yield
              }
              %z: float64[n] = zeros[dtype='float64'] %n
              for 0, %n, 1 {
                (%k: int64{k}) ->
                %t: float64[2] = empty_of[type=type(float64[2])]
                %b: float64! = index[where='i'] %x, %k
                store[where='i'] %t, %b, 0
                store[where='i'] %t, 3.0, 1
                for 0, 2, 1 {
                  (%l: int64{l}) ->
                  %c: float64! = index[where='i'] %t, 1
                  %d: float64! = index[where='i'] %t, %l
                  %e: float64! = multiply %c, %d
                  add_into[where='i'] %z, %e, %k
                  yield
                }
                yield
              }
              yield %y, %z
            }
            """
        ),
        X,
        3,
    )
    assert to_text(new).count("for ") == 3  # one outer loop, and the two inner ones
