"""The tracer itself: values, the state of a session, and frames.

In: names and Python objects; out: values that the tracer knows, and operations in the builder.
Start with `frame`, `values` and `operations` (what a frame can do, implemented by the other packages).
"""
