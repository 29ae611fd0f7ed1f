"""Operations that make, move, reduce or store arrays and containers.

In: the callables of NumPy and the IR's own operations; out: their declarations in the registry.
Start with `memory` (loads and stores) and `reductions`; `ops/indices` computes places in arrays.
"""
