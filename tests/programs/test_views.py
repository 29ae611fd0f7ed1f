"""Operations that give views, or may: each of arrays of all layouts, written in all orders. Refused or right."""

import itertools

import numpy as np
import pytest
from fuzz.compare import function_of, problems

BASES = {
    "a copy": "y = x.copy()",
    "elementwise": "y = x * 2.0",
    "the argument": "y = x",
    "like a transpose": "y = x.T * 2.0",
    "filled like a transpose": "y = np.zeros_like(x.T)\n    y[...] = x.T",
    "a function's copy": "y = np.copy(x.T)",
    "an array of an array": "y = np.array(x.T)",
    "gathered": "y = x[:, [0, 2, 1]]",
    "a product": "y = x.T @ x",
    "a stack": "y = np.stack([x[0], x[1]], axis=1)",
    "filled": "y = np.empty((2, 3))\n    y[...] = x",
}
PARTS = [
    "y", "y.T", "y[:, 0]", "y[1]", "y[1:]", "y[:, 1:]", "y[::2]", "y[::-1]", "y[:, ::2]", "y[:1, 1:]", "y[:, None]",
    "np.swapaxes(y, 0, 1)", "np.flipud(y)", "y.T[0]", "y[:, :2]", "np.moveaxis(y, 0, 1)",
]  # fmt: skip
VIEWS = [
    "{}.ravel()", "{}.reshape(-1)", "np.ravel({})", "{}.reshape(1, -1)", "{}.flatten()", "np.squeeze({})",
    "np.asarray({})", "np.ascontiguousarray({})", "{}.T", "np.flip({})", "{}[...]", "np.atleast_1d({})",
    "np.expand_dims({}, 0)", "{}.copy()", "np.copy({})", "np.array({})", "{}.astype(float)",
    "({} * 1.0).T", "{}.copy()[1:]", "np.reshape({}, (-1, 1))", "{}.reshape(-1, 1, 2)", "{}.ravel().reshape(-1, 1)",
]  # fmt: skip
USES = {
    "the base is written later": """
    v = {view}
    y[0, 0] = 5.0 * x[0, 1]
    y[-1] *= 3.0
    return np.sum(np.sin(v)) + np.sum(y**2)
""",
    "written through": """
    v = {view}
    v[0] = 3.0 * x[0, 1]
    return np.sum(np.sin(y)) + np.sum(v**2)
""",
    "written through, and the base is gone": """
    v = {view}
    v[0] = 3.0 * x[0, 1]
    v[-1] *= x[1, 0]
    return np.sum(v**2)
""",
    "added to": """
    v = {view}
    v += 3.0 * x[0, 1]
    v *= v
    return np.sum(np.cos(y)) + np.sum(v**2)
""",
    "made in a loop": """
    s = 0.0
    for i in range(2):
        v = {view}
        v[0] = v[-1] * x[0, 1]
        s += np.sum(np.sin(v))
        y[i, 0] *= 1.5
    return s + np.sum(y**2)
""",
    "written in a loop": """
    v = {view}
    s = 0.0
    for i in range(2):
        v[i : i + 1] *= 1.3
        y[i] *= 1.5
        s += np.sum(v) * y[0, 1]
    return s
""",
    "read": """
    y[0] *= 3.0
    v = {view}
    return np.sum(np.sin(v)) + np.sum(v) * y[0, 1]
""",
}
X = np.linspace(0.3, 1.9, 6).reshape(2, 3)


def programs(view, use):
    for base, part in itertools.product(BASES.values(), PARTS):
        if "squeeze" in view and ":" in part:
            continue  # the argument shows which axes have length 1
        text = f"import numpy as np\n\n\ndef f(x):\n    {base}{USES[use]}".format(
            view=view.format(part)
        )
        f = function_of(text)
        try:
            f(X.copy())
        except (ValueError, IndexError):
            continue  # does not fit together
        yield text, f


def wrong(view, use, keep=lambda k: True):
    found = []
    for k, (text, f) in enumerate(programs(view, use)):
        if keep(k):
            wrong_results = problems(f, (X,))
            if wrong_results and not wrong_results[0].startswith("refused: "):
                found.append(text + wrong_results[0])
    return found


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("use", USES)
def test_views_are_views_and_copies_are_copies(view, use):
    position = VIEWS.index(view) + 5 * list(USES).index(use)
    found = wrong(view, use, lambda k: k % 71 == position % 71)
    assert not found, found[0]
