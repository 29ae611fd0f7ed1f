"""In-place reuse: an array takes over the storage of the array that it is computed from."""

import numpy as np
from transforms.passes import check, unchanged

from srcdiff.transforms.buffers.in_place import reuse_buffers

X = np.array([0.5, -1.0, 2.0])

TEXT = """
def f(%x: float64[n]) -> 0 {{
  %n: int64{{n}} = length[dim=dim(n)]
  %e: float64[n] = empty_of[type=type(float64[n])] ;compiler
  for 0, %n, 1 {{
    (%i: int64{{i}}) ->
    %0: float64! = index[where='i'] %x, %i
    store[where='i'] %e, %0, %i
    yield
  }}
  %d: float64[n] = empty_of[type=type(float64[n])] ;compiler
  for 0, %n, 1 {{
    (%j: int64{{j}}) ->
    {body}
    yield
  }}
  {behind}
  yield %d
}}
"""
DOUBLED = """%1: float64! = index[where='i'] %e, %j
    %2: float64! = multiply %1, 2.0
    store[where='i'] %d, %2, %j"""


def test_what_nobody_needs_any_more_is_written_over():
    check(
        reuse_buffers,
        TEXT.format(body=DOUBLED, behind=""),
        """
        def f(%x: float64[n]) -> 0 {
          %n: int64{n} = length[dim=dim(n)]
          %d: float64[n] = empty_of[type=type(float64[n])] ;compiler
          for 0, %n, 1 {
            (%i: int64{i}) ->
            %0: float64! = index[where='i'] %x, %i
            store[where='i'] %d, %0, %i
            yield
          }
          for 0, %n, 1 {
            (%j: int64{j}) ->
            %1: float64! = index[where='i'] %d, %j
            %2: float64! = multiply %1, 2.0
            store[where='i'] %d, %2, %j
            yield
          }
          yield %d
        }
        """,
        X,
    )


def test_what_is_read_later_stays():
    unchanged(reuse_buffers, TEXT.format(body=DOUBLED, behind="%s: float64! = sum %e"), X)


def test_storage_that_another_iteration_reads_stays():
    body = """%1: float64! = index[where='i'] %e, 0
    %2: float64! = multiply %1, 2.0
    store[where='i'] %d, %2, %j"""
    unchanged(reuse_buffers, TEXT.format(body=body, behind=""), X)


def test_what_is_read_behind_the_write_stays():
    body = """store[where='i'] %d, 1.0, %j
    %1: float64! = index[where='i'] %e, %j
    add_into[where='i'] %d, %1, %j"""
    unchanged(reuse_buffers, TEXT.format(body=body, behind=""), X)


def test_what_the_user_has_a_name_for_keeps_it():
    text = TEXT.format(body=DOUBLED, behind="").replace(
        "%e: float64[n] = empty", "%e': float64[n] = empty"
    )
    unchanged(reuse_buffers, text, X)
