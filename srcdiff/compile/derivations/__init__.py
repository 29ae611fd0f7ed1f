"""Derivations: the kinds of programs that follow from a function, and how each is made from the stages.

In: a traced function and a derivation (gradient, Jacobian, other semiring, ...); out: the derived function as IR.
Start with `kinds`, then `steps`; `jacobians` chooses between forward and reverse mode.
"""
