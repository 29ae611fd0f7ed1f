"""The dynamic tier: programs without static types run in the interpreter, with a tape.

Each operation is differentiated when it runs. Such programs have lists of different functions, generators, or objects
that get new attributes.
In: such a function; out: its text, in which a `Tape` runs the operations (saved text imports `srcdiff.dynamic`).
Start with `tape` and `program`; `rewrite/rewrite_statements` shows an example of the text.
"""

from srcdiff.eager.derivatives.forward import Curvature, Tangents
from srcdiff.eager.derivatives.jacobians import hessian_of, jacobian_of, over_items
from srcdiff.eager.tape import Tape

__all__ = ["Curvature", "Tangents", "Tape", "hessian_of", "jacobian_of", "over_items"]
