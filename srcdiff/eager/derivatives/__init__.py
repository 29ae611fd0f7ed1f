"""Derivatives of dynamic programs: of single operations, in forward mode, of gradients inside programs, by rows.

In: an operation, or a function that a `Tape` runs; out: its adjoint, its tangent, its Jacobian.
Start with `op_derivatives`.
"""
