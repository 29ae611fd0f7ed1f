import numpy as np


def edit_value_and_grad(A, w):
    """Value and gradient of `edit` with respect to `A`, `w`."""
    # forward
    B = A.copy()
    first = B[0]
    tail = B[1:, 1:]
    old_first = first.copy()
    first[:] = old_first * w
    B_item = B[0, 0]
    old_tail = tail.copy()
    tail[:] = old_tail * B_item
    last = B[-1]
    last[0] = np.sum(first)
    last_item = last[0]
    tail[-1, -1] += last_item**2
    value = np.sum(B * A) + np.sum(tail)

    # backward
    d_B = np.zeros_like(B)
    d_tail = d_B[1:, 1:]
    d_tail += 1.0
    d_B += A
    d_B[-1, 0] += 2 * d_tail[-1, -1] * last_item
    d_B_item = d_B[-1, 0]
    d_B[-1, 0] = 0.0
    d_B[0] += d_B_item
    total = np.sum(d_tail * old_tail)
    d_tail *= B_item
    d_B[0, 0] += total
    d_w = d_B[0] * old_first
    d_B[0] *= w
    return value, (B + d_B, d_w)
