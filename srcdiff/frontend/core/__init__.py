"""The tracer itself: frames, values, statements, expressions.

In: syntax nodes; out: operations in the builder, and values that the tracer knows.
Start with `frame` and `values`.
"""
