"""How each kind of syntax node is read: expressions, calls, attributes, assignments, statements.

In: a node of the syntax tree; out: a value, or bindings and operations.
Start with `expressions`; `core/frame.py` finds the reader of a node.
"""
