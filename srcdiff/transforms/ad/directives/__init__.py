"""Reversal by directives of the user: checkpointed loops, adjoint hooks, kernel launches.

In: loops over `checkpointed`, hook markers, launches; out: their reversal.
Start with `checkpoint_reverse`.
"""
