"""Export of a posterior as a module that needs NumPy (and SciPy, if its formulas use SciPy)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import srcdiff
from srcdiff.vi.model.log_density import LogDensity
from srcdiff.vi.model.models import sites
from srcdiff.vi.model.predictive import storage_of
from srcdiff.vi.model.program_text import name_of
from srcdiff.vi.model.unconstrained_layout import Place, as_variable
from srcdiff.vi.objectives.custom_guide_elbo import FunctionBound
from srcdiff.vi.objectives.target_density import data_names

if TYPE_CHECKING:
    from srcdiff.vi.results.posterior import Posterior

# SciPy's functions that are a few operations of NumPy; inverses of incomplete functions stay SciPy's
_IN_NUMPY = {
    "expit": "def expit(u):\n    return np.exp(-np.logaddexp(0.0, -u))\n",
    "softmax": """def softmax(x, axis=None):
    weights = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return weights / np.sum(weights, axis=axis, keepdims=True)
""",
}


def write_posterior(path: Path, posterior: "Posterior") -> Path:
    """Write `sample(n, rng)`, `MEAN` and `SD`; for a model also `predictive(n, rng, *data)`."""
    bound = posterior.elbo.bound(*posterior.data)
    if isinstance(bound, FunctionBound):
        constants, functions = _of_function(bound, posterior)
        words = f"the guide `{name_of(bound.guide)}`"
    else:
        constants, functions = _of_vector(bound, posterior)
        words = posterior.guide.words
    predictive = _predictive(posterior)
    text = "\n\n".join([*functions, *([predictive] if predictive else [])])
    imports, text = _in_numpy(*_imports(text))
    doc = f'"""The posterior of `{bound.target.name}` that srcdiff fitted ({words})."""'
    head = [doc, "", *imports, ""]
    if predictive and posterior.model_values:
        constants = [*constants, f"OF_MODEL = {_dict(posterior.model_values)}"]
    constants = [*constants, f"MEAN = {_dict(posterior.mean)}", f"SD = {_dict(posterior.sd)}"]
    path.write_text("\n".join([*head, *constants, "", "", text.rstrip(), ""]), encoding="utf-8")
    return path


def _imports(text: str) -> tuple[list[str], str]:
    """The import lines of functions that were generated separately, once each, and the text without them."""
    lines = text.splitlines()
    imports = {line for line in lines if line.startswith(("import ", "from "))} | {
        "import numpy as np"
    }
    rest = "\n".join(line for line in lines if line not in imports)
    return sorted(
        imports, key=lambda line: (not line.startswith("import numpy"), line)
    ), rest.strip()


def _in_numpy(imports: list[str], text: str) -> tuple[list[str], str]:
    """The text with short NumPy definitions in the place of SciPy's functions where that is possible."""
    start, kept, written = "from scipy.special import ", [], set()
    for line in imports:
        names = line.removeprefix(start).split(", ") if line.startswith(start) else []
        written |= {name for name in names if name in _IN_NUMPY}
        left = [name for name in names if name not in _IN_NUMPY]
        if left or not names:
            kept.append(f"{start}{', '.join(left)}" if left else line)
    texts = [_IN_NUMPY[name] for name in sorted(written) if f"def {name}(" not in text]
    return kept, "\n\n".join([*texts, text])


def _of_vector(bound: Any, posterior: "Posterior") -> tuple[list[str], list[str]]:
    """The constants and functions of an automatic guide."""
    arrays, lines = posterior.guide.sampler(posterior.params)
    helpers: dict[str, str] = {}
    entries = [f'        "{p.name}": {_value(p, helpers)},' for p in bound.layout.places]
    sample = [
        "def sample(n, rng):",
        '    """n draws of all sites: names to arrays whose first axis is n."""',
        *(f"    {line}" for line in lines),
        "    return {",
        *entries,
        "    }\n",
    ]
    constants = [f"{key} = {_literal(value)}" for key, value in arrays.items()]
    return constants, [*(f"{text.rstrip()}\n" for text in helpers.values()), "\n".join(sample)]


def _of_function(bound: FunctionBound, posterior: "Posterior") -> tuple[list[str], list[str]]:
    """The constants and functions of a guide function."""
    given = [bound.values_of(posterior.params)[p.name] for p in bound.of_guide]
    names = [s.name for s in bound.sites]
    draws = [
        f"rng.standard_normal((n, *{s.noise_shape}))"
        if s.noise == "normal"
        else f"np.maximum(rng.random((n, *{s.noise_shape})), 2.0**-54)"
        for s in bound.sites
    ]
    entries = [
        f'        "{name}": np.array([one[{k}] for one in draws]),' for k, name in enumerate(names)
    ]
    sample = [
        "def sample(n, rng):",
        '    """n draws of all sites: names to arrays whose first axis is n."""',
        f"    eps = [{', '.join(draws)}]",
        f"    draws = [{name_of(bound.guide)}_draw(*PARAMS, *(e[i] for e in eps), *DATA) for i in range(n)]",
        "    return {",
        *entries,
        "    }\n",
    ]
    constants = [
        f"PARAMS = [{', '.join(map(_literal, given))}]",
        f"DATA = [{', '.join(map(_literal, posterior.data))}]",
    ]
    return constants, [bound.draw_text(posterior.params, posterior.data), "\n".join(sample)]


def _predictive(posterior: "Posterior") -> str:
    """`predictive(n, rng, *data)`, if the target is a model with observed sites."""
    model = posterior.elbo.model
    if isinstance(model, LogDensity):
        return ""
    found = sites(model, *posterior.data)
    given = posterior.sample(1, np.random.default_rng(0))
    if not any(s.observed for s in found):
        return ""
    storage = storage_of(found, given)
    text = posterior.predictive.source_for(np.random.default_rng(0), *posterior.data)
    names = [as_variable(name, {"sample"}) for name in data_names(model)]
    n, rng, draws, each, found_, one, i = (
        as_variable(name, set(names)) for name in ("n", "rng", "draws", "each", "found", "one", "i")
    )
    entries = [
        f'        "{s.name}": np.array([{one}["{s.name}"] for {one} in {found_}]),'
        for s in found
        if s.name not in given
    ]
    latents = f"{{name: value[{i}] for name, value in {draws}.items()}}"
    if posterior.model_values:
        latents = f"{{**OF_MODEL, **{latents}}}"
    filled = [f"{{{', '.join(f'{k!r}: {_full(v)}' for k, v in storage.items())}}}"]
    call = ", ".join([rng, one, *(filled if storage else []), *names])
    length = " of the lengths that the fit's had" if storage else ""
    lines = [
        f"def predictive({', '.join([n, rng, *names])}):",
        f'    """{n} draws of what the model observes, for data{length}, which say how much there is to draw."""',
        f"    {draws} = sample({n}, {rng})",
        f"    {each} = [{latents} for {i} in range({n})]",
        f"    {found_} = [{name_of(model)}_predictive({call}) for {one} in {each}]",
        "    return {",
        *entries,
        "    }",
    ]
    return f"{text.rstrip()}\n\n\n" + "\n".join(lines)


def _full(storage: np.ndarray) -> str:
    """The text of storage for draws, filled with markers of values that are not drawn."""
    filled = "np.nan" if np.asarray(storage).dtype.kind == "f" else "-1"
    return f"np.full({np.shape(storage)}, {filled})" if np.ndim(storage) else filled


def _value(place: Place, helpers: dict[str, str]) -> str:
    """The value of a site for many z, as text."""
    if not place.real_shape:
        u = f"z[:, {place.start}]"
    else:
        u = f"z[:, {place.start}:{place.stop}]"
        if len(place.real_shape) > 1:
            u = f"{u}.reshape((n, {', '.join(map(str, place.real_shape))}))"
    value, _ = place.constrained(u)
    if place.functions():  # not a formula in one line
        helper = next(iter(place.functions()))
        helpers[helper] = _helper(helper, place)
        value, written = f"{helper}({u})", helpers[helper]
    else:
        written = value
    if "expit(" in written:
        helpers["expit"] = _IN_NUMPY["expit"]
    return value


def _helper(name: str, place: Place) -> str:
    """The bijector as a function of NumPy alone, generated for many z."""
    made = srcdiff.transform(place.functions()[name], "simplify", jit=False)
    _, _, function = made.source_for(np.zeros((2, *place.real_shape))).partition("def ")
    return f"def {function}"


def _literal(value: Any) -> str:
    text = np.array2string(
        np.asarray(value), separator=", ", threshold=2**62, floatmode="unique", max_line_width=110
    )
    if np.ndim(value):
        return f"np.array({text})"
    return repr(value.item() if isinstance(value, np.generic) else value)


def _dict(values: dict[str, Any]) -> str:
    return "{" + ", ".join(f'"{name}": {_literal(value)}' for name, value in values.items()) + "}"
