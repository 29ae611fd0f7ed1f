"""The ELBO of a guide that is a function, as source: the guide's draws and the bound.

def guide_draw(m, s, eps_temp, sensor):
    temp = m + s * eps_temp
    return temp, 0.5 * (1.0 + np.log(2.0 * np.pi)) + np.log(s)

def thermometer_elbo(m, log_s, eps_temp, sensor):
    s = np.exp(log_s)
    elbo = 0.0
    for k in range(len(eps_temp)):
        temp, entropy = guide_draw(m, s, eps_temp[k], sensor)
        elbo += thermometer_log_joint(temp, sensor) + entropy
    return elbo / len(eps_temp)
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import srcdiff
from srcdiff.effects import handle
from srcdiff.vi.guides.custom import GuideSite, listen, match, params_type
from srcdiff.vi.guides.noise import noise_of_sites
from srcdiff.vi.model.checks import explain
from srcdiff.vi.model.guide_semantics import GuideDraw
from srcdiff.vi.model.models import Site, sites
from srcdiff.vi.model.program_text import load_text, name_of
from srcdiff.vi.model.pytree import Data, Pytree, Values
from srcdiff.vi.model.unconstrained_layout import Parameter, as_variable
from srcdiff.vi.objectives.bound import Bound, shown, text_of
from srcdiff.vi.objectives.elbo_text import Written, module_text
from srcdiff.vi.objectives.gradient_estimators import (
    IWAE,
    Estimator,
    Path,
    PathWithoutScore,
    ScoreFunction,
)
from srcdiff.vi.objectives.line_breaking import broken
from srcdiff.vi.objectives.target_density import data_names, sites_of_rows, target_of

_OWN = (
    "k", "elbo", "entropy", "held_entropy", "surrogate", "weight", "log_score", "log_q", "log_weights", "baseline",
)  # fmt: skip
_DOCS = {
    "draw": "Draws of `{}`, and their entropy (where it has no closed form, minus their log density).",
    "log_draw": "Draws of `{}`, and minus their log density.",
    "score": "Log density of `{}` at sites that are given; draws of the others, and their entropy.",
}


class FunctionBound(Bound):
    """The bound of one model and guide function, for data of one kind.

    Attributes
    ----------
    params : tuple of Parameter
        The guide's parameters, and after them those that only the model has.
    sites : tuple of GuideSite
        In the order of the model.
    by_score : tuple of str
        The sites that use the score function.
    """

    def __init__(
        self, model: Any, guide: Callable[..., Any], estimator: Any, make: Any, options: Any,
        data: Data, full: Data | None,
    ) -> None:  # fmt: skip
        self.guide = guide
        latents = match(guide, model, data)
        recorded, of_model = listen(guide, data), listen(model, data)
        order = {s.name: k for k, s in enumerate(latents)}
        self.sites: tuple[GuideSite, ...] = tuple(
            sorted(recorded.sites, key=lambda s: order[s.name])
        )
        self._of_guide = recorded.params
        own = {p.name for p in recorded.params}
        self.params: tuple[Parameter, ...] = (
            *recorded.params,
            *(p for p in of_model.params if p.name not in own),
        )
        self.model_params = [p.name for p in of_model.params]
        if not self.params:
            raise ValueError(
                f"the guide {name_of(guide)!r} has no parameters to fit, and neither has the model: give it some by "
                "vi.param(name, start)"
            )
        self.target = target_of(
            model, data, full, self.model_params, local=True, drawn=[s.name for s in self.sites]
        )
        self.rows: tuple[str, ...] = ()
        if full is not None:
            rows = sites_of_rows(model, sites(model, *data), sites(model, *full), local=True)
            self.rows = tuple(name for name in rows if name in order)
        self.batched = full is not None
        self.estimator, self.by_score = _chosen(estimator, self.sites, latents)
        self.params_type = params_type(guide, self.params)
        self._names, self._own = self._variables()
        self._load(make, options)

    # ---- text

    def _variables(self) -> tuple[dict[str, str], dict[str, str]]:
        """Unique names for the sites, and for the bound's own variables."""
        taken = {"np", *self.target.data, *(p.name for p in self.params)}
        taken |= {p.field for p in self.params}
        both: list[dict[str, str]] = []
        for names in ([s.name for s in self.sites], _OWN):
            both.append({})
            for name in names:
                both[-1][name] = as_variable(name, taken)
                taken.add(both[-1][name])
        return both[0], both[1]

    def _eps(self, but: Sequence[str] = ()) -> list[str]:
        return [f"eps_{self._names[s.name]}" for s in self.sites if s.name not in but]

    def _program(self, suffix: str, given: tuple[str, ...], closed: tuple[str, ...]) -> Any:
        """A function that runs the guide under the handler `GuideDraw`."""
        drawn = [s.name for s in self.sites if s.name not in given]
        params = ", ".join(f"{p.name!r}: {p.name}" for p in self._of_guide)
        eps = ", ".join(f"{n!r}: {e}" for n, e in zip(drawn, self._eps(given), strict=True))
        values = ", ".join(f"{n!r}: {self._names[n]}" for n in given)
        names = list(self.target.data)
        share = names.pop() if self.batched else "1.0"
        results = [*(f"_handler.values[{n!r}]" for n in drawn), "_handler.entropy"]
        results += ["_handler.log_score"] if given else []
        name = f"{name_of(self.guide)}_{suffix}"
        parameters = [
            *(p.name for p in self._of_guide), *(self._names[n] for n in given), *self._eps(given), *self.target.data
        ]  # fmt: skip
        text = (
            f"def {name}({', '.join(parameters)}):\n"
            f'    """{_DOCS[suffix].format(name_of(self.guide))}"""\n'
            f"    _handler = GuideDraw({{{params}}}, {{{eps}}}, {{{values}}}, {closed}, {self.rows}, {share})\n"
            f"    _handle({', '.join(['_handler', '_guide', *names])})\n"
            f"    return {', '.join(results)}\n"
        )
        outside = {"GuideDraw": GuideDraw, "_handle": handle, "_guide": self.guide}
        return load_text(text, name, outside)

    def _call(
        self, suffix: str, results: Sequence[str], given: Sequence[str] = (), prefix: str = ""
    ) -> str:
        """A line that calls one of these functions in iteration k."""
        k = self._own["k"]
        arguments = [
            *(f"{prefix}{p.name}" for p in self._of_guide),
            *(self._names[n] for n in given),
            *(f"{e}[{k}]" for e in self._eps(given)),
            *self.target.data,
        ]
        return f"{', '.join(results)} = {name_of(self.guide)}_{suffix}({', '.join(arguments)})"

    def _log_joint(self) -> str:
        values = [*(self._names[s.name] for s in self.sites), *self.model_params, *self.target.data]
        return f"{self.target.name}_log_joint({', '.join(values)})"

    def _write(self) -> Written:
        n = self._own
        values = [self._names[s.name] for s in self.sites]
        held = bool(self.by_score) or isinstance(self.estimator, PathWithoutScore)
        start = [f"{p.name} = {p.written()}" for p in self.params if p.written() != p.name]
        if held:
            start += [
                f"held_{p.name} = {p.written('held_')}"
                for p in self.params
                if p.written() != p.name
            ]
        first = self._eps()[0]
        loop = f"for {n['k']} in range(len({first})):"
        log_p, elbo = self._log_joint(), n["elbo"]
        ending = [f"return {elbo} / len({first})"]
        begin = [f"{elbo} = 0.0"]
        if self.by_score:
            begin.insert(0, f"{n['surrogate']} = 0.0")
            lines, words = self._score_step(values, log_p)
            ending = [f"return {n['surrogate']} / len({first}), {elbo} / len({first})"]
        elif isinstance(self.estimator, PathWithoutScore):
            lines = [
                self._call("log_draw", [*values, n["entropy"]]),
                self._held_density(),
                f"{elbo} += {log_p} - {n['log_q']}",
            ]
            words = f"path (reparameterised) for {self._list()}, "
            words += "without the score term: log q is of the held parameters"
        elif isinstance(self.estimator, IWAE):
            begin = [f"{n['log_weights']} = np.empty(len({first}))"]
            lines = [
                self._call("log_draw", [*values, n["entropy"]]),
                f"{n['log_weights']}[{n['k']}] = {log_p} + {n['entropy']}",
            ]
            ending = [f"return logsumexp({n['log_weights']}) - np.log(len({first}))"]
            words = f"importance weighted (IWAE), path (reparameterised) for {self._list()}"
        else:
            lines = [
                self._call("draw", [*values, n["entropy"]]),
                f"{elbo} += {log_p} + {n['entropy']}",
            ]
            words = f"path (reparameterised) for {self._list()}{self._entropies()}"
        body = [*start, *begin, loop, *(f"    {line}" for line in lines), *ending]
        return self._function(words, body, held)

    def _score_step(self, values: list[str], log_p: str) -> tuple[list[str], str]:
        n = self._own
        lines = [
            self._call("log_draw", [*values, n["held_entropy"]], prefix="held_"),
            f"{n['weight']} = {log_p} + {n['held_entropy']}",
        ]
        paths = [s.name for s in self.sites if s.name not in self.by_score]
        lines.append(
            self._call(
                "score",
                [*(self._names[p] for p in paths), n["entropy"], n["log_score"]],
                self.by_score,
            )
        )
        lines.append(f"{n['surrogate']} += ({n['weight']} - {n['baseline']}) * {n['log_score']}")
        if paths or self.model_params:
            lines.append(f"{n['surrogate']} += {log_p} + {n['entropy']}")
        lines.append(f"{n['elbo']} += {n['weight']}")
        words = f"score function for {self._list(self.by_score)}: (log p - log q - baseline) times the derivative of "
        words += "log q"
        if paths:
            words += f"; path (reparameterised) for {self._list(paths)}{self._entropies(paths)}"
        return lines, words

    def _held_density(self) -> str:
        arguments = [
            *(f"held_{p.name}" for p in self._of_guide), *(self._names[s.name] for s in self.sites), *self.target.data
        ]  # fmt: skip
        return f"_, {self._own['log_q']} = {name_of(self.guide)}_score({', '.join(arguments)})"

    def _list(self, names: Sequence[str] | None = None) -> str:
        return ", ".join(names if names is not None else [s.name for s in self.sites])

    def _entropies(self, names: Sequence[str] | None = None) -> str:
        closed = [
            s.name for s in self.sites if s.has_entropy and (names is None or s.name in names)
        ]
        return f"; entropy of {', '.join(closed)} in closed form" if closed else ""

    def _function(self, words: str, body: list[str], held: bool) -> Written:
        name = f"{self.target.name}_elbo"
        fields = [p.field for p in self.params]
        parameters = [
            *fields, *([f"held_{f}" for f in fields] if held else []),
            *([self._own["baseline"]] if self.by_score else []), *self._eps(), *self.target.data,
        ]  # fmt: skip
        kinds = ", ".join(
            f"{e} (S{''.join(f', {m}' for m in s.noise_shape)}) {s.noise}"
            for e, s in zip(self._eps(), self.sites, strict=True)
        ).replace("(S)", "(S,)")
        lines = [
            f"def {name}({', '.join(parameters)}):",
            f'    """ELBO of the guide `{name_of(self.guide)}`; {kinds} draws.',
            "",
            f"    Estimator: {words}.",
            '    """',
            *(f"    {line}" for line in body),
        ]
        text = "\n".join(part for line in lines for part in broken(line))
        return Written(name, f"{text}\n", held, bool(self.by_score))

    # ---- programs

    def _load(self, make: Callable[..., object], options: dict[str, object]) -> None:
        closed = tuple(s.name for s in self.sites if s.has_entropy)
        given = self.by_score or tuple(s.name for s in self.sites)
        programs = {
            "draw": self._program("draw", (), closed),
            "log_draw": self._program("log_draw", (), ()),
            "score": self._program("score", given, closed),
        }
        self._plain = {k: srcdiff.transform(f, "simplify", jit=False) for k, f in programs.items()}
        self.written = self._write()
        outside: dict[str, Any] = {f"{name_of(self.guide)}_{k}": f for k, f in self._plain.items()}
        outside[f"{self.target.name}_log_joint"] = self.target.log_joint
        for p in self.params:
            outside |= p.place.functions()
        self.function = load_text(module_text([self.written.text]), self.written.name, outside)
        self._density = srcdiff.transform(self.target.log_joint, "simplify", **options)
        self._differentiate(make, options)

    def text(self, data: Data) -> str:
        rng = np.random.default_rng(0)
        eps = noise_of_sites(self.sites, rng, 1, "independent")
        params = self.init(data, None, 1.0)
        values, _ = self._draw(params, {k: v[0] for k, v in eps.items()}, data)
        of_model = self._model_params(params)
        order = [*values.values(), *of_model]
        parts = [self.target.text(dict(enumerate(order)), *data)]
        parts += [
            text_of(f, name, np.zeros(p.place.real_shape))
            for p in self.params
            for name, f in p.place.functions().items()
            if f"{name}(" in self.written.text
        ]
        for suffix in self._plain:
            if f"{name_of(self.guide)}_{suffix}(" in self.written.text:
                parts.append(self._guide_text(suffix, params, eps, values, data))
        return module_text([*parts, self.written.text])

    @property
    def of_guide(self) -> tuple[Parameter, ...]:
        """The guide's parameters."""
        return self._of_guide

    def draw_text(self, params: Pytree, data: Data) -> str:
        eps = noise_of_sites(self.sites, np.random.default_rng(0), 1, "independent")
        given = [*self._guide_values(params), *(eps[s.name][0] for s in self.sites), *data]
        return self._plain["draw"].source_for(*given).rstrip() + "\n"

    def _guide_text(
        self, suffix: str, params: Pytree, eps: Pytree, values: Values, data: Data
    ) -> str:
        given: tuple[str, ...] = ()
        if suffix == "score":
            given = self.by_score or tuple(s.name for s in self.sites)
        arguments = [
            *self._guide_values(params), *(values[name] for name in given),
            *(eps[s.name][0] for s in self.sites if s.name not in given), *data,
        ]  # fmt: skip
        return self._plain[suffix].source_for(*arguments)

    # ---- calls

    def noise_arguments(self, eps: Pytree) -> list[object]:
        return [eps[s.name] for s in self.sites]

    def init(self, data: Data, at: Pytree, scale: float) -> Pytree:
        if at:
            raise ValueError(
                "init: a guide function says itself where its parameters begin (vi.param)"
            )
        return self.params_type(*(p.start for p in self.params))

    def noise(self, rng: np.random.Generator, draws: int, kind: str) -> dict[str, np.ndarray]:
        return noise_of_sites(self.sites, rng, draws, kind)

    def values_of(self, params: Pytree) -> dict[str, object]:
        """Parameters by the user's names, in their constraints."""
        return {p.name: p.value(real) for p, real in zip(self.params, params, strict=True)}

    def model_values(self, params: Pytree) -> dict[str, object]:
        values = self.values_of(params)
        return {name: values[name] for name in self.model_params}

    def _guide_values(self, params: Pytree) -> list[object]:
        values = self.values_of(params)
        return [values[p.name] for p in self._of_guide]

    def _model_params(self, params: Pytree) -> list[object]:
        return [*self.model_values(params).values()]

    def _draw(self, params: Pytree, eps: Values, data: Data) -> tuple[Values, float]:
        """One draw of all sites, and its log density."""
        given = [*self._guide_values(params), *(eps[s.name] for s in self.sites), *data]
        *values, minus_log_q = self._plain["log_draw"](*given)
        named = {s.name: v for s, v in zip(self.sites, values, strict=True)}
        return named, -float(minus_log_q)

    def sample(self, params: Pytree, n: int, rng: np.random.Generator, data: Data) -> Values:
        eps = self.noise(rng, n, "independent")
        each = [self._draw(params, {k: v[i] for k, v in eps.items()}, data)[0] for i in range(n)]
        return {s.name: np.array([one[s.name] for one in each]) for s in self.sites}

    def moments(self, params: Pytree, data: Data) -> dict[str, tuple[Any, Any]]:
        """Mean and standard deviation of all sites, from 4096 fixed quasi-random draws."""
        eps = self.noise(np.random.default_rng(0), 4096, "quasi-random")
        each = [self._draw(params, {k: v[i] for k, v in eps.items()}, data)[0] for i in range(4096)]
        found = {}
        for s in self.sites:
            values = np.array([one[s.name] for one in each], float)
            first, second = values.mean(axis=0), values.std(axis=0)
            found[s.name] = (first, second) if s.shape else (float(first), float(second))
        return found

    def log_weights(self, params: Pytree, n: int, rng: np.random.Generator, data: Data) -> Pytree:
        eps = self.noise(rng, n, "independent")
        of_model = self._model_params(params)
        found = np.empty(n)
        for i in range(n):
            values, log_q = self._draw(params, {k: v[i] for k, v in eps.items()}, data)
            found[i] = self._density(*values.values(), *of_model, *data) - log_q
        return found

    def blame(self, params: Pytree, grads: Pytree, eps: Pytree, data: Data) -> str:
        for name, leaf in params._asdict().items():
            if not np.all(np.isfinite(leaf)):
                return f"parameter {name!r} is not finite itself"
        for name, leaf in grads._asdict().items():
            bad = ~np.isfinite(leaf)
            if np.any(bad) and not all(np.all(~np.isfinite(g)) for g in grads):
                return f"its derivative with respect to parameter {name!r} is no number"
        values, _ = self._draw(params, {k: v[0] for k, v in eps.items()}, data)
        words = explain(
            self.guide, {**values, **self.values_of(params)}, data[: len(data_names(self.guide))]
        )
        if words:
            return words
        for name, value in values.items():
            if not np.all(np.isfinite(value)):
                return f"site {name!r} is not finite at a draw"
        return self.explain(values, data) or f"log p or log q is no number at {shown(values)}"


def _chosen(
    given: object, sites: Sequence[GuideSite], latents: Sequence[Site]
) -> tuple[Estimator, tuple[str, ...]]:
    """The estimator, and the sites that use the score function."""
    lines = {s.name: s.line for s in latents}
    for site in given if isinstance(given, dict) else ():
        if site not in lines:
            raise ValueError(
                f"estimator: the model has no latent site {site!r}; there are {', '.join(lines)}"
            )
    by_score = []
    for s in sites:
        if given is None or (isinstance(given, dict) and s.name not in given):  # "auto"
            score = not s.path
        else:
            chosen = given[s.name] if isinstance(given, dict) else given
            score = isinstance(chosen, ScoreFunction)
            if not score and not s.path:
                raise ValueError(
                    f"site {s.name!r} ({lines[s.name]}): draws from {s.distribution.__name__} have no derivative "
                    "with respect to its parameters; take estimator='score' for it, 'auto', or sum the site out"
                )
        if score:
            by_score.append(s.name)
    estimator = given if isinstance(given, Estimator) else Path()
    return estimator, tuple(by_score)
