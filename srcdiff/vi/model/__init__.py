"""Models as programs: sites, plates, parameters, and what they mean to who runs them.

In: a sampler program; out: its sites, and text of its log joint.
Start with `primitives` and `semantics`.
"""
