"""The intermediate representation: typed structured SSA, which every stage reads and writes.

In and out: `Function`s, frozen; a pass builds a new one with a `Builder`.
Start with `core`, then `types` and `dims`; `verify` has the rules of valid IR, `reference` its meaning.
"""
