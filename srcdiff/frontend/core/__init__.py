"""The tracer itself: frames, values, statements, expressions.

In: syntax nodes; out: operations in the builder, and values that the tracer knows.
Start with `frame`, `values` and `operations` (what a frame can do, implemented by the other packages).
"""
