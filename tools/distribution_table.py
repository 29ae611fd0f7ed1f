"""Writes docs/distributions.md: which distributions there are, and what each of them has.

    python tools/distribution_table.py

Each entry is a call: of the mean, the variance and the entropy, of noise, of the exponential family's parameters.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from vi.cases import CASES, D  # noqa: E402

from srcdiff.vi.distributions.divergences import REGISTRY  # noqa: E402

TABLE = ROOT / "docs" / "distributions.md"

HEAD = """# Distributions

`tools/distribution_table.py` writes this page. Names and parameters are those of NumPyro, if it has the distribution.
`vi.dist.NAME(...)` is an object that holds its parameters, numbers or arrays, which are broadcast to `batch_shape`.

| | |
|---|---|
| `log_prob(value)` | log density; -inf outside of the support |
| `log_density(value)` | the formula alone, for values that are known to be in the support |
| `sample(rng, shape=())` | draws from a `np.random.Generator`, of shape `(*shape, *batch_shape, *event_shape)` |
| `from_noise(eps)` | the draw for noise of `noise_shape(shape)`, which `draw_noise(rng, shape)` draws; it has derivatives with respect to the parameters. Noise is standard normal, or uniform in (0, 1) |
| `mean`, `variance`, `entropy()` | in closed form; an error if there is none |
| `support` | a constraint: `contains(x)`, `constrain(u)`, `unconstrain(x)`, `log_abs_det_jacobian(u)`, `unconstrained_shape(shape)` |
| `natural_parameters()`, `sufficient_statistics(value)`, `log_normalizer()`, `log_base_measure(value)` | of exponential families |
| `to_event(n)` | the last n axes of the batch as one event |
| `validate(where="")`, `validate_value(value, where="")` | raises a `ValueError` that names the distribution and the argument; no other method checks values |
| `vi.dist.kl(p, q)`, `vi.dist.has_kl(p, q)`, `vi.dist.register_kl(P, Q)` | divergences in closed form |

Differentiated functions can call all of these. The compiler inlines them: the source has the formula, and no object.

```python
import numpy as np
import srcdiff
from srcdiff import vi


def loss(loc, scale, x):
    return np.sum(vi.dist.Normal(loc, scale).log_prob(x))


print(srcdiff.grad(loss, argnums=("loc", "scale")).source_for(0.0, 1.0, np.ones(3)))
```

<!-- output -->
```python
import numpy as np


def loss_grad(loc, scale, x):
    \"\"\"Gradient of `loss` with respect to `loc`, `scale`.\"\"\"
    z = (x - loc) / scale
    return -np.sum(-z / scale), np.sum(z**2 / scale) - len(x) / scale
```

Draws of gamma, beta and t distributions move with their parameters by the implicit function theorem, from the quantiles
`scipy.special.gammaincinv`, `betaincinv` and `stdtrit`; their second derivatives with respect to parameters are refused. If there is
no path from the parameters to a draw, `from_noise` raises.
"""

FURTHER: dict[str, Callable[[], Any]] = {
    "Delta": lambda: D.Delta(0.3),
    "ImproperUniform": lambda: D.ImproperUniform(D.constraints.real),
}


def instances() -> dict[str, Any]:
    """One of each class, by its name."""
    found = {name.partition(" ")[0]: case.dist for name, case in reversed(CASES.items())} | FURTHER
    return {name: found[name]() for name in sorted(found)}


def has(call: Callable[[], Any]) -> str:
    try:
        with np.errstate(all="ignore"):
            call()
    except (NotImplementedError, TypeError):
        return ""
    return "yes"


def row(name: str, d: Any) -> str:
    parameters = str(inspect.signature(type(d))).replace("<srcdiff", "")
    of_parameters = isinstance(inspect.getattr_static(type(d), "support", None), property)
    support = f"`{type(d.support).__name__}` of parameters" if of_parameters else d.support.name
    cells = (
        f"`{name}{parameters}`",
        support,
        d.noise or "",
        has(lambda: d.mean),
        has(lambda: d.variance),
        has(d.entropy),
        has(d.natural_parameters),
    )
    return f"| {' | '.join(cells)} |"


def text() -> str:
    lines = [
        HEAD,
        "## What there is\n",
        "| distribution | support | noise | mean | variance | entropy | exponential family |",
        "|---|---|---|---|---|---|---|",
        *(row(name, d) for name, d in instances().items()),
        "\n## Divergences in closed form\n",
        "From the first to the second; of `Independent` ones where there is one of what they are made of; from normal",
        "vectors to independent normal numbers; from `Delta`, what the point has under the other.\n",
        *(f"* `{p.__name__}`, `{q.__name__}`" for p, q in sorted(REGISTRY, key=_names)),
    ]
    return "\n".join(lines) + "\n"


def _names(pair: tuple[type, type]) -> tuple[str, str]:
    return pair[0].__name__, pair[1].__name__


if __name__ == "__main__":
    TABLE.write_text(text(), encoding="utf-8")
