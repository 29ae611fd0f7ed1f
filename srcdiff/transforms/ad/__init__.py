"""Differentiation: forward mode, Jacobians, batches, how adjoints are passed.

In: a prepared function; out: a function of its tangent or adjoint.
Start with `forward`; `reverse/reverse` is reverse mode.
"""
