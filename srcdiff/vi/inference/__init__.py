"""Fits: loops, optimisers, averages, stopping, minibatches.

In: an objective and data; out: parameters, with a record of how they were found.
Start with `fit`.
"""
