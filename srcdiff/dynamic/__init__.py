"""Programs whose values have no types that could be known beforehand: lists of different functions, generators,
objects that grow attributes. They run in the interpreter, and each operation is differentiated by itself.

Generated programs of this kind import `Tape`; see `rewriting` for what they look like.
"""

from srcdiff.dynamic.matrices import hessian_of, jacobian_of, over_items
from srcdiff.dynamic.tangents import Curvature, Tangents
from srcdiff.dynamic.tape import Tape

__all__ = ["Curvature", "Tangents", "Tape", "hessian_of", "jacobian_of", "over_items"]
