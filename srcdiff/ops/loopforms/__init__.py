"""Loop forms: how an operation is written as a loop over elements.

In: an operation; out: its elements as expressions of its operands' elements.
Start with `element_maps`; `context` is the interface by which they build statements.
"""
