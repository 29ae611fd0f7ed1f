"""Loop scheduling: fusion, fission, unrolling, parallel loops.

In and out: loop nests with the same results.
Start with `fusion`.
"""
