"""How a dynamic program's text is rewritten, so that a tape sees its operations.

In: a function; out: a function whose operations are asked of the tape.
Start with `rewrite_statements`.
"""
