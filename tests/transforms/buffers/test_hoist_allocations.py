"""Allocation hoisting: the storage of an iteration is allocated in front of the loop."""

import numpy as np
from scipy.special import logsumexp
from transforms.passes import check, unchanged

import srcdiff
from srcdiff.transforms.buffers.hoist_allocations import hoist_buffers

X = np.array([0.5, -1.0, 2.0])


def test_storage_that_is_private_to_an_iteration_is_allocated_once():
    check(
        hoist_buffers,
        """
        def f(%x: float64[n], %k: int64) -> 0 {
          %s: float64 = for 0, %k, 1 with 0.0 {
            (%i: int64{i}, %s.1: float64) ->
            %t: float64[n] = empty_of[type=type(float64[n])] ;compiler
            store[where=''] %t, %x
            %a: float64! = index[where='i'] %t, 0
            %s.2: float64 = add %s.1, %a
            yield %s.2
          }
          yield %s
        }
        """,
        """
        def f(%x: float64[n], %k: int64) -> 0 {
          %t: float64[n] = empty_of[type=type(float64[n])] ;compiler
          %s: float64 = for 0, %k, 1 with 0.0 {
            (%i: int64{i}, %s.1: float64) ->
            store[where=''] %t, %x
            %a: float64! = index[where='i'] %t, 0
            %s.2: float64 = add %s.1, %a
            yield %s.2
          }
          yield %s
        }
        """,
        X,
        3,
    )


STEPS = """
def f(%x: float64[n], %k: int64) -> 0 {{
  %y: float64[n] = empty_of[type=type(float64[n])] ;compiler
  store[where=''] %y, %x
  %y.1: float64[n] = for 0, %k, 1 with {start} {{
    (%i: int64{{i}}, %y.2: float64[n]) ->
    %u: float64[n] = empty_of[type=type(float64[n])] ;compiler
    %a: float64[n] = read %y.2
    %b: float64[n] = multiply %a, 0.5
    store[where=''] %u, %b
    yield {handed}
  }}
  {behind}
  %c: float64[n] = read %y.1
  yield {result}
}}
"""


def test_carried_arrays_have_two_buffers():
    text = STEPS.format(start="%y", handed="%u", behind="", result="%c")
    check(
        hoist_buffers,
        text,
        """
        def f(%x: float64[n], %k: int64) -> 0 {
          %y: float64[n] = empty_of[type=type(float64[n])] ;compiler
          store[where=''] %y, %x
          %u: float64[n] = empty_of[type=type(float64[n])] ;compiler
          %y.1: float64[n], %u.1: float64[n] = for 0, %k, 1 with %y, %u {
            (%i: int64{i}, %y.2: float64[n], %u.2: float64[n]) ->
            %a: float64[n] = read %y.2
            %b: float64[n] = multiply %a, 0.5
            store[where=''] %u.2, %b
            yield %u.2, %y.2
          }
          %c: float64[n] = read %y.1
          yield %c
        }
        """,
        X,
        3,
    )


def test_storage_that_is_read_after_the_loop_is_not_overwritten():
    """The first buffer is read later: the loop starts on a copy, or stays as it is where that would be seen."""
    new = hoist_buffers
    text = STEPS.format(start="%y", handed="%u", behind="%d: float64[n] = read %y", result="%d")
    unchanged(new, text, X, 3)


def test_an_argument_is_copied_first():
    text = """
    def f(%x: float64[n], %k: int64) -> 0 {
      %y.1: float64[n] = for 0, %k, 1 with %x {
        (%i: int64{i}, %y.2: float64[n]) ->
        %u: float64[n] = empty_of[type=type(float64[n])] ;compiler
        %a: float64[n] = read %y.2
        store[where=''] %u, %a
        yield %u
      }
      %c: float64[n] = read %y.1
      yield %c
    }
    """
    check(
        hoist_buffers,
        text,
        """
        def f(%x: float64[n], %k: int64) -> 0 {
          %x.1: float64[n] = copy %x
          %u: float64[n] = empty_of[type=type(float64[n])] ;compiler
          %y: float64[n], %u.1: float64[n] = for 0, %k, 1 with %x.1, %u {
            (%i: int64{i}, %y.1: float64[n], %u.2: float64[n]) ->
            %a: float64[n] = read %y.1
            store[where=''] %u.2, %a
            yield %u.2, %y.1
          }
          %c: float64[n] = read %y
          yield %c
        }
        """,
        X,
        2,
    )


def test_an_array_of_a_length_that_may_be_negative_is_not_hoisted():
    unchanged(
        hoist_buffers,
        """
        def f(%x: float64[n], %k: int64) -> 0 {
          %s: float64 = for 0, %k, 1 with 0.0 {
            (%i: int64{i}, %s.1: float64) ->
            %t: float64[k] = empty[dtype='float64'] %k
            store[where=''] %t, 1.0
            %a: float64! = index[where='i'] %t, 0
            %s.2: float64 = add %s.1, %a
            yield %s.2
          }
          yield %s
        }
        """,
        X,
        -2,
    )


def bound_in_the_loop_only(x, step):
    z = np.zeros(len(x) - 1)
    for _ in range(4):
        d = x.copy()
        d[:-1] += z
        z = z - step * (d[:-1] - d[1:])
    return np.sum(d**2)


def test_what_the_loop_alone_binds_has_two_buffers_as_well():
    x = np.array([0.3, -1.0, 0.5, 2.0])
    options = {"jit": True}, {"jit": False}
    compiled, plain = (srcdiff.grad(bound_in_the_loop_only, **o)(x, 0.2) for o in options)
    np.testing.assert_allclose(compiled, plain, rtol=1e-12)


def log_Z(eta, data):
    log_pi, log_A, log_B = eta
    log_alpha = log_pi + log_B[:, data[0]]
    for y in data[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


def test_arrays_in_structures_have_lengths_like_those_on_their_own():
    eta = np.zeros(16), np.zeros((16, 16)), np.zeros((16, 4))
    text = srcdiff.grad(log_Z).loop_source_for(eta, np.zeros(9, dtype=int))
    assert not [t for t in text.splitlines() if t.startswith(8 * " ") and "empty" in t]
