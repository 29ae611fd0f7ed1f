"""An operation with several results may stand beside a list, in a helper, or in a loop."""

import itertools

import numpy as np
import pytest
from fuzz.check import Outcome, outcome
from fuzz.program import Program

X = np.array([0.4, -0.7, 0.9])
OPERATIONS = (
    "np.linalg.slogdet(np.outer(x, x) + 2.0 * np.eye(3))",
    "np.linalg.eigh(np.outer(x, x) + np.diag([1.0, 2.0, 4.0]))",
    "np.linalg.qr(np.outer(x, x) + np.eye(3))",
    "np.linalg.svd(np.outer(x, x) + np.diag([1.0, 2.0, 4.0]))",
)
PLACES = {
    "a list": "rows = [v * a for v in np.outer(x, x)]\n    parts = {made}\n    return np.sum(rows[k]) + np.sum(parts[1])",
    "a filled list": "rows = []\n    for i in range(3):\n        parts = {made}\n        rows.append(parts[0] * a)\n    return np.sum(rows[k]) + np.sum(parts[1])",
    "a helper": "def h(x):\n        parts = {made}\n        return np.max(np.abs(parts[1])) + 1.0\n    np.log(h(x))\n    return np.log(h(x)) * a",
    "a product": "p = 1.0\n    for i in range(3):\n        parts = {made}\n        p *= np.exp(x[i] * np.max(parts[1]))\n    return np.log(p) * a",
    "added elements": "y = np.zeros(4)\n    for i in range(3):\n        parts = {made}\n        y[i] += np.sum(parts[1]) * x[i]\n        y[i + 1] += a * x[i]\n    return np.sum(y**2)",
}


@pytest.mark.parametrize(("place", "made"), list(itertools.product(PLACES, OPERATIONS)))
def test_operations_with_several_results_may_stand_anywhere(place: str, made: str) -> None:
    text = f"import numpy as np\n\n\ndef f(x, a, k):\n    {PLACES[place].format(made=made)}\n"
    assert outcome(Program(0, text, (X, 0.3, 2)), every=True) == Outcome("ok")
