"""Tensor contraction in a semiring: `einsum` of exponentials as sums of the semiring over sums of exponents.

    np.einsum("i,ij,j->j", a, A, b)        ->       logsumexp(log_a[:, None] + log_A, axis=0) + log_b

In the max-plus semiring, `np.max` stands in place of `logsumexp`.
"""

from __future__ import annotations

from collections.abc import Sequence

from srcdiff.ir.build import Builder
from srcdiff.ir.core import OpDecl
from srcdiff.ir.types import ndim_of
from srcdiff.ir.values import Atom
from srcdiff.ops.arrays import memory
from srcdiff.ops.elementwise import arithmetic
from srcdiff.ops.shapes import permutations


def contracted(
    b: Builder, plus: OpDecl, operands: Sequence[Atom], inputs: Sequence[str], output: str
) -> Atom:
    """Add one operand after the other; a letter that no later operand and no output has is summed out by `plus`."""
    found, letters = operands[0], inputs[0]
    for k, (x, own) in enumerate(zip(operands, inputs, strict=True)):
        if k:
            both = letters + "".join(c for c in own if c not in letters)
            parts = _spread(b, found, letters, both), _spread(b, x, own, both)
            found, letters = b.op(arithmetic.add, *parts), both
        needed = output + "".join(inputs[k + 1 :])
        found, letters = _summed(b, plus, found, letters, needed)
    return found if letters == output else _ordered(b, found, letters, output)


def _summed(b: Builder, plus: OpDecl, x: Atom, letters: str, needed: str) -> tuple[Atom, str]:
    reduced = tuple(k for k, c in enumerate(letters) if c not in needed)
    if not reduced:
        return x, letters
    left = "".join(c for c in letters if c in needed)
    if not left:
        return b.op(plus, x), left
    return b.op(plus, x, axis=reduced[0] if len(reduced) == 1 else reduced), left


def _spread(b: Builder, x: Atom, own: str, letters: str) -> Atom:
    """`x` with the axes `letters`; a missing axis gets length 1, except leading ones, which broadcasting adds."""
    x = _ordered(b, x, own, "".join(c for c in letters if c in own))
    first = next((k for k, c in enumerate(letters) if c in own), len(letters))
    parts = [":" if c in own else "None" for c in letters[first:]]
    return x if "None" not in parts else b.op(memory.index, x, where=", ".join(parts))


def _ordered(b: Builder, x: Atom, own: str, letters: str) -> Atom:
    if own == letters:
        return x
    order = tuple(own.index(c) for c in letters)
    if order == tuple(reversed(range(ndim_of(x.type)))):
        return b.op(permutations.transpose, x)
    return b.op(permutations.transpose, x, axes=order)
