"""Derivatives as objects that are called, saved, pickled and inspected.

In: calls; out: results of the specialisation for the arguments' types.
Start with `generated`; `fast_call` is the short way of later calls.
"""
