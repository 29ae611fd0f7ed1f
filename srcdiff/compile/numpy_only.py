"""Modules without SciPy: short functions of SciPy are defined in the saved file itself."""

from __future__ import annotations

import re
import textwrap

from srcdiff.errors import DifferentiationError

_LINES = {
    "logsumexp": """
        def logsumexp(a, axis=None, keepdims=False):
            a = np.asarray(a)
            top = np.max(a, axis=axis, keepdims=True)
            top = np.where(np.isfinite(top), top, 0.0)
            with np.errstate(divide="ignore"):
                found = np.log(np.sum(np.exp(a - top), axis=axis, keepdims=True)) + top
            return found if keepdims else np.squeeze(found, axis=axis)[()]
    """,
    "expit": """
        def expit(x):
            return np.exp(-np.logaddexp(0.0, -x))
    """,
    "softmax": """
        def softmax(x, axis=None):
            weights = np.exp(x - np.max(x, axis=axis, keepdims=True))
            return weights / np.sum(weights, axis=axis, keepdims=True)
    """,
    "log_softmax": """
        def log_softmax(x, axis=None):
            shifted = x - np.max(x, axis=axis, keepdims=True)
            return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
    """,
    "xlogy": """
        def xlogy(x, y):
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where((x == 0.0) & ~np.isnan(y), 0.0, x * np.log(y))[()]
    """,
}


def without_scipy(text: str, name: str) -> str:
    """The text of a module, with definitions in the place of its imports from SciPy.

    Raises
    ------
    DifferentiationError
        For a function of SciPy without a short definition.
    """
    imports = re.findall(r"^from (scipy[\w.]*) import (.*)$", text, re.MULTILINE)
    names = [n.strip() for _, listed in imports for n in listed.split(",")]
    wanting = [n for n in names if n not in _LINES]
    if wanting or re.search(r"^import scipy", text, re.MULTILINE):
        raise DifferentiationError(
            f"{name} needs {', '.join(wanting) or 'SciPy'}, which NumPy does not have",
            'Save it as form="array": the file imports SciPy then.',
        )
    for _, listed in imports:
        text = re.sub(
            rf"^from scipy[\w.]* import {re.escape(listed)}\n", "", text, flags=re.MULTILINE
        )
    if not names:
        return text
    defined = "\n\n".join(textwrap.dedent(_LINES[n]) for n in names)
    before, imported, after = text.partition("import numpy as np\n")
    return f"{before}{imported}\n{defined}{after}"
