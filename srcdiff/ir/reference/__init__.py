"""The reference evaluator, with which tests compare all compiled code.

In: a `Function` and arguments; out: results, computed slowly and literally, with each value checked against its type.
Start with `interpreter`.
"""
