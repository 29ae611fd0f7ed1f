"""The import path that generated text names; what it imports is `srcdiff.eager`."""

from srcdiff.eager import Curvature, Tangents, Tape, hessian_of, jacobian_of, over_items

__all__ = ["Curvature", "Tangents", "Tape", "hessian_of", "jacobian_of", "over_items"]
