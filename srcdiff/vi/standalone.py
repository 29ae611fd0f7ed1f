"""A posterior as a module of its own, which needs NumPy only."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import srcdiff
from srcdiff.vi.layout import Place, as_variable

if TYPE_CHECKING:
    from srcdiff.vi.posterior import Posterior

__all__ = ["write_posterior"]


def write_posterior(path: Path, posterior: "Posterior") -> Path:
    """Write `sample(n, rng)`, `MEAN` and `SD`."""
    layout = posterior.elbo.bound(*posterior.data).layout
    arrays, lines = posterior.guide.sampler(posterior.params)
    helpers: dict[str, str] = {}
    entries = [f'        "{p.name}": {_value(p, helpers)},' for p in layout.places]
    name = posterior.elbo.bound(*posterior.data).target.name
    parts = [
        f'"""The posterior of `{name}` that srcdiff fitted ({posterior.guide.words}). It needs NumPy only."""\n',
        "import numpy as np\n",
        *(f"{key} = {_literal(value)}" for key, value in arrays.items()),
        f"MEAN = {_dict(posterior.mean)}",
        f"SD = {_dict(posterior.sd)}\n",
        *(f"\n{text.rstrip()}\n" for text in helpers.values()),
        "\ndef sample(n, rng):",
        '    """n draws of all sites: names to arrays whose first axis is n."""',
        *(f"    {line}" for line in lines),
        "    return {",
        *entries,
        "    }",
    ]
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return path


def _value(place: Place, helpers: dict[str, str]) -> str:
    """The value of a site for many z, as text."""
    if not place.real_shape:
        u = f"z[:, {place.start}]"
    else:
        u = f"z[:, {place.start}:{place.stop}]"
        if len(place.real_shape) > 1:
            u = f"{u}.reshape((n, {', '.join(map(str, place.real_shape))}))"
    value, _ = place.constrained(u)
    if "_support." in value:  # no formula of a line
        helper = f"constrain_{as_variable(place.name, set())}"
        helpers[helper] = _helper(helper, place)
        return f"{helper}({u})"
    if "expit(" in value:
        helpers["expit"] = "def expit(u):\n    return np.exp(-np.logaddexp(0.0, -u))\n"
    return value


def _helper(name: str, place: Place) -> str:
    """The bijector as a function of NumPy alone: what srcdiff makes of it."""
    support = place.support

    def constrain(u: Any) -> Any:
        return support.constrain(u)

    made = srcdiff.transform(constrain, "simplify", jit=False)
    text = made.source_for(np.zeros((2, *place.real_shape)))
    _, _, function = text.partition("def ")
    return "def " + function.replace("constrain(", f"{name}(", 1)


def _literal(value: Any) -> str:
    text = np.array2string(
        np.asarray(value), separator=", ", threshold=2**62, floatmode="unique", max_line_width=110
    )
    return f"np.array({text})" if np.ndim(value) else repr(float(value))


def _dict(values: dict[str, Any]) -> str:
    return "{" + ", ".join(f'"{name}": {_literal(value)}' for name, value in values.items()) + "}"
