"""Results that are summed, or multiplied by a row or a column: a smaller adjoint stands for one of their size."""

import numpy as np
import pytest
from fuzz.compare import function_of, problems

A = np.array([[1.2, 0.3, -0.5], [0.4, 1.1, 0.9]])
MADE = [
    "np.diag(x[0])", "np.diag(x[0], -1)", "np.diag(np.diag(x))", "np.diag(x)", "np.triu(x)", "x.T",
    "x[0][np.array([[0, 1], [2, 2]])]", "x[[0, 1, 1]]", "x[:, [2, 0, 0]]", "x[[[0], [1]], [0, 2]]", "x[x[:, 0] > 1.0]",
    "x[:, ::-2]", "x[1:, ..., None]", "x.reshape(-1, 1)", "np.tile(x, (2, 1, 2))",
    "np.repeat(x, 2, axis=0)", "np.concatenate([x, x * 2])", "np.stack([x, x * x], axis=-1)", "np.cumsum(x, axis=1)",
    "np.cumprod(x, axis=0)", "np.broadcast_to(x[0], (4, 3))", "np.full((3, 2), x[0, 0])", "x[:, None]",
    "np.linspace(x[0, 0], 2.0, 5)",
    "np.outer(x[0], x[1])", "x @ x.T", "np.array([x[0], x[1] * 2])", "np.where(x > 0.0, x[0], x)",
    "np.linalg.solve(x @ x.T, x)", "np.roll(x, 1)", "np.moveaxis(x[None], 0, 2)",
]  # fmt: skip
USES = {
    "whole": "np.sum(y) * np.sum(y)",
    "row": "np.sum(y * np.cos(np.arange(y.shape[-1])))",
    "column": "np.sum(y * np.arange(1.0, len(y) + 1.0).reshape((-1,) + (1,) * (y.ndim - 1)))",
    "one": "np.sum(y * np.full((1,) * y.ndim, 0.7))",
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("made", MADE)
def test_smaller_adjoints_stand_for_their_broadcast(made, use):
    f = function_of(f"import numpy as np\ndef f(x):\n    y = {made}\n    return {USES[use]}\n")
    assert problems(f, (A,), second=True) == []
