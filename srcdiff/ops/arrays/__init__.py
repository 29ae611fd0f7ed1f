"""Operations that make, read, write and reduce arrays and containers.

In: the callables of NumPy and the IR's own operations; out: their declarations in the registry.
Start with `memory` (loads and stores) and `reductions`; `ops/shapes` rearranges elements, `ops/indices` finds places.
"""
