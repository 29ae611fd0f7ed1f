"""The ELBO as source: stage 2, a function of parameters, noise and data that calls the log-joint.

    def model_elbo(loc, log_scale, eps, x, y):
        scale = np.exp(log_scale)
        elbo = 0.0
        for s in range(len(eps)):
            w0, w1 = loc + scale * eps[s]
            elbo += model_log_joint(w0, w1, x, y)
        return elbo / len(eps) + np.sum(log_scale) + 1.0 * (1.0 + LOG_2PI)

`held_...` are copies of the parameters with respect to which nothing is differentiated. The gradient of the score
function is the gradient of a surrogate, which is not the bound: such a function returns `(surrogate, elbo)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from srcdiff.vi.guides.automatic import Delta, Guide, Laplace, normal_constant
from srcdiff.vi.model.unconstrained_layout import Layout, Parameter, as_variable
from srcdiff.vi.objectives.gradient_estimators import (
    IWAE,
    Estimator,
    Path,
    PathWithoutScore,
    ScoreFunction,
)
from srcdiff.vi.objectives.line_breaking import broken

OWN_NAMES = {
    "L", "LOG_2PI", "baseline", "by_score", "capacitance", "common", "distance", "elbo", "entropy", "eps",
    "expit", "factor", "held_log_q", "loc", "log_det", "log_p", "log_q", "log_scale", "log_weights",
    "logsumexp", "lower", "np", "s", "scale", "scaled", "solve_triangular", "square", "surrogate", "weight",
    "whitened", "z", "zs",
}  # fmt: skip


@dataclass(frozen=True)
class Written:
    """A function as text.

    Attributes
    ----------
    name : str
    text : str
    held : bool
        Whether it takes the held parameters after the parameters.
    surrogate : bool
        Whether it also takes a baseline, and returns `(surrogate, elbo)`.
    """

    name: str
    text: str
    held: bool = False
    surrogate: bool = False


@dataclass(frozen=True)
class _Writer:
    """The common parts of all functions of one bound."""

    model: str
    layout: Layout
    guide: Guide
    data: tuple[str, ...]
    closed: tuple[str, ...] = ()
    of_model: tuple[Parameter, ...] = ()  # parameters of the model

    @property
    def fields(self) -> tuple[str, ...]:
        return (*self.guide.params_type._fields, *(p.field for p in self.of_model))

    @property
    def held(self) -> list[str]:
        return [f"held_{name}" for name in self.fields]

    def variables(self) -> dict[str, str]:
        """A map from sites to local names that differ from the names of the data and of this module."""
        own = set(self.model_values()) | set(self.model_values("held_"))
        taken = OWN_NAMES | set(self.fields) | set(self.held) | set(self.data) | own
        return {name: as_variable(name, taken) for name in self.layout.names}

    def model_values(self, prefix: str = "") -> list[str]:
        """The names of the model's parameters, in their constraints."""
        taken = OWN_NAMES | set(self.fields) | set(self.held) | set(self.data)
        real = {p.name for p in self.of_model if p.written() == p.name}
        return [prefix + as_variable(p.name, taken - real) for p in self.of_model]

    def prologue(self, prefix: str = "") -> list[str]:
        """Lines before the draws."""
        values = zip(self.model_values(prefix), self.of_model, strict=True)
        own = [f"{name} = {p.written(prefix)}" for name, p in values if name != p.written(prefix)]
        return [*own, *self.guide.prologue(prefix)]

    def arguments(self) -> list[str]:
        """The data, in the signature."""
        taken = OWN_NAMES | set(self.fields) | set(self.held)
        return [f"{name}_" if name in taken else name for name in self.data]

    def bound_at(
        self, draw: str, jacobian: bool = True, prefix: str = ""
    ) -> tuple[list[str], str, list[str]]:
        """Lines that compute the sites of a draw, the call of the log-joint, and terms for Jacobians.

        The model's parameters are those with `prefix`.
        """
        names = self.variables()
        moments = [
            f"{of}{place.part().removeprefix('z')}"
            for place in self.layout.places
            if place.name in self.closed
            for of in ("loc", "scale")
        ]
        values = [*names.values(), *self.model_values(prefix), *moments, *self.arguments()]
        call = f"{self.model}_{'bound' if self.closed else 'log_joint'}({', '.join(values)})"
        places = self.layout.places
        if len(places) > 1 and all(p.is_real and not p.real_shape for p in places):
            return [f"{', '.join(names.values())} = {draw}"], call, []
        if len(places) == 1 and places[0].is_real and len(places[0].real_shape) == 1:
            return [f"{names[places[0].name]} = {draw}"], call, []
        lines, terms = [f"z = {draw}"], []
        for place in places:
            value, log_det = place.constrained(place.part())
            lines.append(f"{names[place.name]} = {value}")
            if log_det is not None and jacobian and place.name not in self.closed:
                terms.append(f"np.sum({log_det})" if place.real_shape else log_det)
        return lines, call, terms

    def with_z(self, draw: str, prefix: str = "") -> tuple[list[str], str, list[str]]:
        """The same with a variable for the vector z, which log q takes."""
        lines, call, terms = self.bound_at("z", prefix=prefix)
        return [f"z = {draw}", *(line for line in lines if line != "z = z")], call, terms

    def shapes(self) -> str:
        size, noise = self.layout.size, self.guide.noise_size(self.layout.size)
        shapes = {
            "loc": f"({size},)",
            "log_scale": f"({size},)",
            "lower": f"({size}, {size})",
            "factor": f"({size}, {noise - size})",
            **{p.field: str(p.place.real_shape) for p in self.of_model},
        }
        words = ", ".join(f"{name} {shapes[name]}" for name in self.fields)
        if not noise:
            return f"{words}; eps is empty."
        return f"{words}; eps (S, {noise}) standard normal draws."


def write_elbo(
    model: str,
    layout: Layout,
    guide: Guide,
    data: Sequence[str],
    estimator: Estimator,
    by_score: Sequence[str] = (),
    closed: Sequence[str] = (),
    of_model: Sequence[Parameter] = (),
) -> Written:
    """The function whose gradient is the estimator.

    Parameters
    ----------
    by_score : sequence of str
        Sites that use the score function under a `Path` estimator.
    closed : sequence of str
        Sites whose divergence from the prior is part of the log-joint, in closed form.
    of_model : sequence of Parameter
        Parameters of the model, which are fitted with those of the guide.
    """
    w = _Writer(model, layout, guide, tuple(data), tuple(closed), tuple(of_model))
    if isinstance(guide, Delta):
        return _point(w)
    if by_score:
        return _mixed(w, tuple(by_score))
    if isinstance(estimator, PathWithoutScore):
        return _path_without_score(w)
    if isinstance(estimator, ScoreFunction):
        return _score(w)
    if isinstance(estimator, IWAE):
        return _iwae(w)
    assert isinstance(estimator, Path)
    return _path(w)


def _function(
    w: _Writer, words: str, body: list[str], *, held: bool = False, surrogate: bool = False
) -> Written:
    name = f"{w.model}_elbo"
    after = w.held if surrogate else w.held[: len(w.guide.params_type._fields)] if held else []
    parameters = [*w.fields, *after, *(["baseline"] if surrogate else ())]
    head = f"def {name}({', '.join([*parameters, 'eps', *w.arguments()])}):"
    doc = [
        f'    """ELBO of {w.guide.words}; {w.shapes()}',
        "",
        f"    Estimator: {words}.",
        '    """',
    ]
    lines = [head, *doc, *(f"    {line}" for line in body)]
    text = "\n".join(part for line in lines for part in broken(line))
    return Written(name, f"{text}\n", held, surrogate)


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _sites(w: _Writer, names: Sequence[str] | None = None) -> str:
    return ", ".join(names if names is not None else w.layout.names)


def _point(w: _Writer) -> Written:
    jacobian = isinstance(w.guide, Laplace)
    lines, call, terms = w.bound_at("loc", jacobian)
    log_p, total = _log_p(call, terms)
    log_p = [*w.prologue(), *log_p]
    words = "none: log p at a point"
    if jacobian:
        words += ", with the Jacobian of the map to z"
    return _function(w, words, [*lines, *log_p, f"return {total}"])


def _path(w: _Writer) -> Written:
    lines, call, terms = w.bound_at(w.guide.draw("eps[s]", w.layout.size))
    total = "elbo" if w.closed else "log_p"
    rest, words = _rest_of_entropy(w)
    body = [
        *w.prologue(),
        f"{total} = 0.0",
        "for s in range(len(eps)):",
        *_indented([*lines, *_summed(total, call, terms)]),
        f"return {' + '.join([f'{total} / len(eps)', *rest])}",
    ]
    return _function(w, f"path (reparameterised) for {_sites(w)}; {words}", body)


def _summed(name: str, call: str, terms: Sequence[str]) -> list[str]:
    """Lines that add log p and the log Jacobian determinants to a name."""
    return [f"{name} += {call}", *(f"{name} += {term}" for term in terms)]


def _log_p(call: str, terms: Sequence[str]) -> tuple[list[str], str]:
    """Lines before log p, and the expression of log p."""
    if not terms:
        return [], call
    return [f"log_p = {call}", *(f"log_p += {term}" for term in terms)], "log_p"


def _rest_of_entropy(w: _Writer) -> tuple[list[str], str]:
    """Terms of the entropy that the divergences do not include, and a sentence about them."""
    if not w.closed:
        return [w.guide.entropy(w.layout.size)], "entropy of the guide in closed form"
    words = f"KL from the prior in closed form for {_sites(w, w.closed)}"
    others = [p for p in w.layout.places if p.name not in w.closed]
    if not others:
        return [], words
    sums = [
        f"np.sum(log_scale[{p.start}:{p.stop}])" if p.real_shape else f"log_scale[{p.start}]"
        for p in others
    ]
    size = sum(p.stop - p.start for p in others)
    names = [p.name for p in others]
    return [*sums, normal_constant(size)], f"{words}, entropy for {_sites(w, names)}"


def _path_without_score(w: _Writer) -> Written:
    size = w.layout.size
    lines, call, terms = w.with_z(w.guide.draw("eps[s]", size))
    density, log_q = w.guide.log_density(size, "held_")
    log_p, value = _log_p(call, terms)
    body = [
        *w.prologue(),
        *w.guide.prologue("held_"),
        "elbo = 0.0",
        "for s in range(len(eps)):",
        *_indented([*lines, *log_p, *density, f"log_q = {log_q}", f"elbo += {value} - log_q"]),
        "return elbo / len(eps)",
    ]
    words = f"path (reparameterised) for {_sites(w)}, without the score term: log q is that of the held parameters"
    return _function(w, words, body, held=True)


def _score(w: _Writer) -> Written:
    size = w.layout.size
    lines, call, terms = w.with_z(w.guide.draw("eps[s]", size, "held_"), "held_")
    held_density, held_log_q = w.guide.own_log_density("eps[s]", size, "held_")
    density, log_q = w.guide.log_density(size)
    log_p, value = _log_p(call, terms)
    body = [
        *w.prologue(),
        *w.prologue("held_"),
        "surrogate = 0.0",
        "elbo = 0.0",
        "for s in range(len(eps)):",
        *_indented(
            [
                *lines,
                *log_p,
                *held_density,
                f"held_log_q = {held_log_q}",
                f"weight = {value} - held_log_q",
                *density,
                f"log_q = {log_q}",
                "surrogate += (weight - baseline) * log_q",
                *([f"surrogate += {w.bound_at('z')[1]}"] if w.of_model else []),
                "elbo += weight",
            ]
        ),
        "return surrogate / len(eps), elbo / len(eps)",
    ]
    words = (
        f"score function for {_sites(w)}: (log p - log q - baseline) times the derivative of log q"
    )
    return _function(w, words, body, held=True, surrogate=True)


def _mixed(w: _Writer, by_score: tuple[str, ...]) -> Written:
    size = w.layout.size
    paths = [name for name in w.layout.names if name not in by_score]
    lines, call, terms = w.bound_at("z")
    lines = [line for line in lines if line != "z = z"]
    log_p, total = _log_p(call, terms)
    held_log_p, held_total = _log_p(w.bound_at("z", prefix="held_")[1], terms)
    chosen = "".join(
        "1" if w.layout.site_at(k).split("[")[0] in by_score else "0" for k in range(size)
    )
    own = "((z - loc) / scale) ** 2"
    held_density, held_log_q = w.guide.own_log_density("eps[s]", size, "held_")
    body = [
        *w.prologue(),
        *w.prologue("held_"),
        f"by_score = np.array([{', '.join(str(c == '1') for c in chosen)}])",
        "surrogate = 0.0",
        "elbo = 0.0",
        "for s in range(len(eps)):",
        *_indented(
            [
                "z = held_loc + held_scale * eps[s]",
                *lines,
                *(held_log_p if w.of_model else log_p),
                *held_density,
                f"held_log_q = {held_log_q}",
                f"weight = {held_total if w.of_model else total} - held_log_q",
                f"log_q = np.sum(np.where(by_score, -0.5 * {own} - log_scale, 0.0))",
                "surrogate += (weight - baseline) * log_q",
                "elbo += weight",
                "z = np.where(by_score, z, loc + scale * eps[s])",
                *lines,
                *log_p,
                f"surrogate += {total}",
            ]
        ),
        "entropy = np.sum(np.where(by_score, 0.0, log_scale))",
        "return surrogate / len(eps) + entropy, elbo / len(eps)",
    ]
    words = (
        f"score function for {_sites(w, by_score)}; path (reparameterised) for {_sites(w, paths)}, its entropy in "
        "closed form"
    )
    return _function(w, words, body, held=True, surrogate=True)


def _iwae(w: _Writer) -> Written:
    size = w.layout.size
    lines, call, terms = w.with_z(w.guide.draw("eps[s]", size))
    density, log_q = w.guide.log_density(size)
    log_p, value = _log_p(call, terms)
    body = [
        *w.prologue(),
        "log_weights = np.empty(len(eps))",
        "for s in range(len(eps)):",
        *_indented(
            [*lines, *log_p, *density, f"log_q = {log_q}", f"log_weights[s] = {value} - log_q"]
        ),
        "return logsumexp(log_weights) - np.log(len(eps))",
    ]
    words = f"importance weighted (IWAE), path (reparameterised) for {_sites(w)}"
    return _function(w, words, body)


def write_log_weights(
    model: str, layout: Layout, data: Sequence[str], of_model: Sequence[Parameter] = ()
) -> Written:
    """Log p at many z: `model_log_density(z, x, y)` for z (S, D) has the shape (S,); parameters of the
    model follow z.
    """
    w = _Writer(model, layout, Delta(), tuple(data), of_model=tuple(of_model))
    lines, call, terms = w.bound_at("zs[s]")
    name = f"{model}_log_density"
    body = [
        f"def {name}({', '.join(['zs', *w.fields[1:], *w.arguments()])}):",
        f'    """Log density of each z of zs (S, {layout.size}), with the Jacobian of the map to the sites."""',
        *_indented(w.prologue()),
        "    log_p = np.empty(len(zs))",
        "    for s in range(len(zs)):",
        *_indented(_indented([*lines, f"log_p[s] = {call}", *(f"log_p[s] += {t}" for t in terms)])),
        "    return log_p",
        "",
    ]
    return Written(name, "\n".join(body))


def module_text(functions: Sequence[str]) -> str:
    """Functions as a module, with their imports."""
    bodies, imports = [], {"import numpy as np"}
    for function in functions:
        lines = function.splitlines()
        imports |= {line for line in lines if line.startswith(("import ", "from "))}
        bodies.append("\n".join(line for line in lines if line not in imports).strip() + "\n")
    text = "\n\n".join(bodies)
    if "solve_triangular(" in text:
        imports.add("from scipy.linalg import solve_triangular")
    special = {name for name in ("expit", "logsumexp") if f"{name}(" in text}
    for line in sorted(imports):
        if line.startswith("from scipy.special import "):
            special |= set(line.removeprefix("from scipy.special import ").split(", "))
            imports.remove(line)
    if special:
        imports.add(f"from scipy.special import {', '.join(sorted(special))}")
    head = sorted(imports, key=lambda line: (line.startswith("from"), line))
    if "LOG_2PI" in text:
        head += ["", "LOG_2PI = np.log(2.0 * np.pi)"]
    return "\n".join(head) + "\n\n\n" + text
