"""Differentiation: forward mode, reverse mode, Jacobians, batches, destination passing.

In: a prepared function; out: a function of its tangent or adjoint.
Start with `forward` and `tangents`; `reverse/reverse` is reverse mode.
"""
