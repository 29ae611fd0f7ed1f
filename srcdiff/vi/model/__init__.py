"""Models as programs: sites, plates, parameters, and the handlers that give them a meaning.

In: a sampler program; out: its sites, and text of its log joint. Start with `primitives` and `semantics`.
"""
