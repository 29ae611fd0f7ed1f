"""Programs whose values have no types that could be known beforehand: lists of different functions, generators,
objects that grow attributes. They run in the interpreter, and each operation is differentiated by itself.

In: such a function; out: its text, in which a `Tape` runs the operations (saved text imports `srcdiff.dynamic`).
Start with `tape` and `program`; `rewrite/rewrite_statements` shows what the text looks like.
"""

from srcdiff.eager.forward import Curvature, Tangents
from srcdiff.eager.jacobians import hessian_of, jacobian_of, over_items
from srcdiff.eager.tape import Tape

__all__ = ["Curvature", "Tangents", "Tape", "hessian_of", "jacobian_of", "over_items"]
