"""Load coalescing: parts of an array that are read at one moment."""

import numpy as np
from transforms.passes import program
from transforms.sources import kept, source

from srcdiff.ir.alias import storage_roots
from srcdiff.ir.core import Op, walk
from srcdiff.transforms.ad.tape.coalesce_loads import read_whole

U = np.array([0.5, -0.25, 1.0, 0.75, 0.1])


def diffusion(update):
    return source(
        f"""
        def f(u0, steps):
            u = u0.copy()
            for _ in range(steps):
                {update}
            return np.sum(u**2)
        """
    )


def test_overlapping_parts_are_kept_as_one_field():
    update = "u[1:-1] = u[1:-1] * (u[2:] - u[:-2])"
    assert kept(diffusion(update), (U, 3)) == 3 * len(U)


def test_a_part_and_the_whole_are_kept_as_one_field():
    update = "u[1:] = u[1:] * np.sum(u**3)"
    assert kept(diffusion(update), (U, 3)) <= 3 * (len(U) + 1)


def test_one_part_is_kept_as_it_is():
    assert kept(diffusion("u[1:] *= np.sin(u[1:])"), (U, 3)) == 3 * (len(U) - 1)


def reads(between):
    text = f"""
        def f(%x: float64[n], %steps: int64{{steps}}) -> 0 {{
          %u: float64[n] = copy %x
          for 0, %steps, 1 {{
            (%t: int64{{t}}) ->
            %0: float64[max(n-1, 0)] = index[where='b:'] %u, 1
            %1: float64[max(n-1, 0)] = read %0
            {between}
            %2: float64[max(n-1, 0)] = index[where=':e'] %u, -1
            %3: float64[max(n-1, 0)] = read %2
            %4: float64[max(n-1, 0)] = multiply %1, %3
            store[where='b:'] %u, %4, 1
            yield
          }}
          %r: float64[n] = read %u
          yield %r
        }}
    """
    fn = program(text)
    fn = read_whole(fn, storage_roots(fn))
    loop = next(s for s in fn.body.body if not isinstance(s, Op))
    return sum(isinstance(s, Op) and s.decl.name == "read" for s in walk(loop.body))


def test_parts_of_one_moment_are_read_once():
    assert reads("") == 1


def test_a_write_in_between_parts_two_moments():
    assert reads("store[where='i'] %u, 0.0, 0") == 2
