"""Mirror loop fusion, and the direction of loops."""

import numpy as np

import srcdiff
from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.ad.fuse_mirror_loops import fuse_loops, loop_direction
from tests.transforms.passes import changed, check, program, unchanged

X = np.array([1.0, 2.0, 3.0])


def test_a_forward_loop_and_its_reverse_become_one_and_nothing_is_saved():
    check(
        fuse_loops,
        """
        def f(%x: float64[n]) -> tuple(0: 0, 1: 1) {
          %0: int64{n} = axis_length[axis=0] %x
          %s: float64! = for 0, %0, 1 pair=1 with 0.0 {
            (%i: int64, %p: float64!) ->
            %1: float64! = index[where='i'] %x, %i
            %t': float64! = exp %1
            save[slot=0] %t
            %2: float64! = add %p, %t
            yield %2
          }
          %d_x: float64[n] = zeros_like %x ;adjoint
          %3: float64! = for 0, %0, 1 reverse pair=1 with 1.0 ;adjoint {
            (%j: int64, %d: float64!) ->
            %4: float64! = restore[slot=0, type=type(float64!)] ;adjoint
            %5: float64! = multiply %d, %4 ;adjoint
            add_into[where='i'] %d_x, %5, %j ;adjoint
            yield %d
          }
          %6: float64[n] = read %d_x ;adjoint
          yield %s, %6
        }
        """,
        """
        def f(%x: float64[n]) -> tuple(0: 0, 1: 1) {
          %0: int64{n} = axis_length[axis=0] %x
          %d_x: float64[n] = zeros_like %x ;adjoint
          %s: float64! = for 0, %0, 1 with 0.0 {
            (%i: int64, %p: float64!) ->
            %1: float64! = index[where='i'] %x, %i
            %t': float64! = exp %1
            %2: float64! = add %p, %t
            %5: float64! = multiply 1.0, %t ;adjoint
            add_into[where='i'] %d_x, %5, %i ;adjoint
            yield %2
          }
          %6: float64[n] = read %d_x ;adjoint
          yield %s, %6
        }
        """,
        X,
    )


def dot_products(w, X):
    total = 0.0
    for i in range(len(X)):
        p = 0.0
        for j in range(X.shape[1]):
            p += X[i, j] * w[j]
        total += np.sin(p)
    return total


def running_products(w, X):
    total = 0.0
    for i in range(len(X)):
        p = 1.0
        for j in range(X.shape[1]):
            p *= np.sin(X[i, j] * w[j])
        total += p
    return total


def test_an_iteration_whose_inner_loop_needs_no_residuals_runs_once():
    args = np.array([0.3, -0.2]), np.array([[1.0, 2.0], [0.5, 0.1], [2.0, 1.0]])
    recomputed, kept = (
        srcdiff.value_and_grad(f, jit=False) for f in (dot_products, running_products)
    )
    assert recomputed.source_for(*args).count("for i in") == 1
    assert kept.source_for(*args).count("range(len(X))") == 2
    for f, g in ((dot_products, recomputed), (running_products, kept)):
        value, found = g(*args)
        assert value == f(*args)
        steps = 1e-6 * np.eye(2)
        expected = [(f(args[0] + h, args[1]) - f(args[0] - h, args[1])) / 2e-6 for h in steps]
        np.testing.assert_allclose(found, expected, rtol=1e-7)


BRANCH = """
    def f(%x: float64[n]) -> tuple(0: 0, 1: 1) {
      %0: int64{n} = axis_length[axis=0] %x
      %s: float64! = for 0, %0, 1 pair=1 with 0.0 {
        (%i: int64, %p: float64!) ->
        %1: float64! = index[where='i'] %x, %i
        %c: bool = greater %1, 1.5
        save[slot=0] %c
        %t: float64! = if %c {
          %2: float64! = exp %1
          save[slot=1] %2
          yield %2
        } else {
          yield 0.0
        }
        %3: float64! = add %p, %t
        yield %3
      }
      %d_x: float64[n] = zeros_like %x ;adjoint
      for 0, %0, 1 reverse pair=1 ;adjoint {
        (%j: int64) ->
        %4: bool = restore[slot=0, type=type(bool)] ;adjoint
        if %4 ;adjoint {
          %5: float64! = restore[slot=1, type=type(float64!)] ;adjoint
          add_into[where='i'] %d_x, %5, %j ;adjoint
          yield
        } else {
          yield
        }
        yield
      }
      %6: float64[n] = read %d_x ;adjoint
      yield %s, %6
    }
"""


def test_branches_in_the_loops_are_joined_as_well():
    text = to_text(changed(fuse_loops, program(BRANCH), X))
    assert text.count("for") == 1 + text.count("float64[") * 0
    assert text.count("if ") == 1
    assert "save" not in text and "restore" not in text


def test_a_backward_loop_that_uses_the_forward_result_is_not_fused():
    unchanged(
        fuse_loops,
        """
        def f(%x: float64[n]) -> tuple(0: 0, 1: 1) {
          %0: int64{n} = axis_length[axis=0] %x
          %s: float64! = for 0, %0, 1 with 0.0 {
            (%i: int64, %p: float64!) ->
            %1: float64! = index[where='i'] %x, %i
            %2: float64! = add %p, %1
            yield %2
          }
          %d: float64[n] = zeros_like %x ;adjoint
          for 0, %0, 1 ;adjoint {
            (%j: int64) ->
            store[where='i'] %d, %s, %j ;adjoint
            yield
          }
          %6: float64[n] = read %d ;adjoint
          yield %s, %6
        }
        """,
        X,
    )


RECURRENCE = """
    def f(%x: float64[n]) -> 0 {{
      %0: int64{{n}} = axis_length[axis=0] %x
      %u: float64[n] = copy %x
      for 1, %0, 1 {{
        (%i: int64) ->
        %1: float64! = index[where='i'] %x, %i
        store[where='i'] %u, %1, %i
        yield
      }}
      for 1, %0, 1 ;adjoint {{
        (%j: int64) ->
        %k: int64 = subtract %j, {offset} ;adjoint
        %2: float64! = index[where='i'] %u, %k ;adjoint
        %3: float64! = multiply 2.0, %2 ;adjoint
        store[where='i'] %u, %3, %k ;adjoint
        yield
      }}
      %4: float64[n] = read %u
      yield %4
    }}
"""


def test_loops_that_touch_each_others_elements_stay_separate():
    unchanged(fuse_loops, RECURRENCE.format(offset=1), X)


def test_writes_between_two_loops_move_up_or_prevent_fusion():
    between = """
    def f(%x: float64[n]) -> 0 {{
      %0: int64{{n}} = axis_length[axis=0] %x
      %d: float64[n] = zeros_like %x ;adjoint
      for 0, %0, 1 ;adjoint {{
        (%i: int64) ->
        %1: float64! = index[where='i'] %{read}, %i
        add_into[where='i'] %d, %1, %i ;adjoint
        yield
      }}
      store[where='i'] %x, 7.0, 0 ;adjoint
      for 0, %0, 1 ;adjoint {{
        (%j: int64) ->
        %2: float64! = index[where='i'] %x, %j
        add_into[where='i'] %d, %2, %j ;adjoint
        yield
      }}
      %3: float64[n] = read %d ;adjoint
      yield %3
    }}
    """
    unchanged(fuse_loops, between.format(read="x"), X)
    text = to_text(changed(fuse_loops, program(between.format(read="d")), X))
    assert text.count("for ") == 1


DIRECTION = """
    def f(%x: float64[n]) -> 0 {{
      %0: int64{{n}} = axis_length[axis=0] %x
      %d: float64[n] = copy %x ;adjoint
      %s: float64! = for 1, %0, 1 reverse with 0.0 ;adjoint {{
        (%i: int64, %p: float64!) ->
        %k: int64 = subtract %i, 1 ;adjoint
        %1: float64! = index[where='i'] %{source}, %i ;adjoint
        add_into[where='i'] %d, %1, %k ;adjoint
        %2: float64! = {carry} %p, %1 ;adjoint
        yield %2
      }}
      %3: float64[n] = read %d ;adjoint
      %4: float64[n] = multiply %3, %s ;adjoint
      yield %4
    }}
"""


def test_a_reversed_loop_whose_iterations_commute_runs_forwards():
    text = DIRECTION.format(source="x", carry="add")
    assert "reverse" not in to_text(changed(loop_direction, program(text), X))


def test_an_order_that_matters_is_kept():
    unchanged(loop_direction, DIRECTION.format(source="d", carry="add"), X)
    unchanged(loop_direction, DIRECTION.format(source="x", carry="multiply"), X)


POPPED = """
    def f(%x: float64[n]) -> 0 {
      %0: int64{n} = axis_length[axis=0] %x
      %xs: list of float64! = elements %x ;adjoint
      %d: float64[n] = zeros_like %x ;adjoint
      for 0, %0, 1 reverse ;adjoint {
        (%i: int64) ->
        %1: float64! = list_pop %xs ;adjoint
        add_into[where='i'] %d, %1, %i ;adjoint
        yield
      }
      %2: float64[n] = read %d ;adjoint
      yield %2
    }
"""


def test_loops_that_pop_from_a_list_keep_their_order():
    unchanged(loop_direction, POPPED, X)


def test_a_loop_that_appends_and_one_that_pops_stay_two():
    text = """
    def f(%x: float64[n]) -> 0 {
      %0: int64{n} = axis_length[axis=0] %x
      %xs: list of float64! = list_new[element=type(float64!)]
      %d: float64[n] = zeros_like %x ;adjoint
      for 0, %0, 1 {
        (%i: int64) ->
        %1: float64! = index[where='i'] %x, %i
        append %xs, %1
        yield
      }
      for 0, %0, 1 ;adjoint {
        (%j: int64) ->
        %2: float64! = list_pop %xs ;adjoint
        add_into[where='i'] %d, %2, %j ;adjoint
        yield
      }
      %3: float64[n] = read %d ;adjoint
      yield %3
    }
    """
    unchanged(fuse_loops, text, X)


def permanent(a, n, row, used):
    if row == n:
        return 1.0
    total = 0.0
    for j in range(n):
        if used & (1 << j) == 0:
            total += a[row, j] * permanent(a, n, row + 1, used | (1 << j))
    return total


def test_a_loop_and_its_mirror_in_two_branches_on_one_condition():
    """A recursion that returns its gradient with its value stores nothing for iterations."""
    a = np.random.default_rng(0).normal(size=(3, 3))
    g = srcdiff.grad(lambda a: permanent(a, 3, 0, 0), jit=False)
    minors = [[np.delete(np.delete(a, i, 0), j, 1) for j in range(3)] for i in range(3)]
    expected = [[m[0, 0] * m[1, 1] + m[0, 1] * m[1, 0] for m in row] for row in minors]
    np.testing.assert_allclose(g(a), expected)
    assert g.source.count("for ") == 1 and "empty(" not in g.source, g.source
