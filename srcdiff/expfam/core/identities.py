"""Identities of exponential families: moments, entropies and divergences as derivatives of a log-partition function.

`log_Z(eta, *data)` is a function of natural parameters (any structure of numbers and arrays), and perhaps of data on
which the model is conditioned. Its gradient holds the expected statistics, its Hessian their covariance:

    p(x) = h(x) exp(<eta, t(x)> - log_Z(eta))
"""

import inspect
import linecache
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import srcdiff
from srcdiff.expfam.core.pytree import Pytree, as_floats, check_same, inner, map_leaves

LogZ = Callable[..., float]
Check = Callable[..., None]


class Inference:
    """A derivative of `log_Z` as a function of `(eta, *data)`, with its `source`.

    Attributes
    ----------
    generated : srcdiff.Generated
        The generated function that computes it.
    """

    def __init__(self, generated: srcdiff.Generated, check: Check | None, doc: str) -> None:
        self.generated = generated
        self.check = check
        self.__doc__ = doc
        self.__name__ = generated.__name__

    def __call__(self, eta: Pytree, *data: Any) -> Pytree:
        eta = as_floats(eta)
        if self.check is not None:
            self.check(eta, *data)
        try:
            return self.generated(eta, *data)
        except np.linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(
                f"{error}: there is no log_Z for these parameters, the sum or integral is infinite"
            ) from error

    @property
    def source(self) -> str:
        """The source of the latest specialisation."""
        return self.generated.source

    def source_for(self, eta: Pytree, *data: object) -> str:
        """The source for these arguments; nothing is run."""
        return self.generated.source_for(as_floats(eta), *data)

    def save(self, path: str | Path, *args: object, form: str = "array") -> Path:
        """Write a module that needs NumPy and SciPy only; with form="numpy" it needs NumPy alone."""
        given = (as_floats(args[0]), *args[1:]) if args else ()
        return self.generated.save(path, *given, form=form)

    def __repr__(self) -> str:
        return f"<srcdiff.expfam {self.__name__}>"


class Fisher(Inference):
    """The Fisher information times a vector: `fisher(eta, *data, v)`, with `v` shaped like `eta`."""

    def __call__(self, eta: Pytree, *rest: Any) -> Pytree:
        *data, v = rest
        eta = as_floats(eta)
        if self.check is not None:
            self.check(eta, *data)
        return self.generated(eta, *data, as_floats(v))

    def source_for(self, eta: Pytree, *rest: object) -> str:
        """The source for these arguments, `(eta, *data, v)`; nothing is run."""
        *data, v = rest
        return self.generated.source_for(as_floats(eta), *data, as_floats(v))


class Formula:
    """A formula on top of `value_and_grad(log_Z)`, such as an entropy.

    Attributes
    ----------
    e_step : Inference
        The generated function that the formula calls.
    """

    def __init__(self, e_step: Inference, formula: Callable[..., object]) -> None:
        self.e_step = e_step
        self.formula = formula
        self.__name__ = formula.__name__
        self.__doc__ = inspect.getdoc(formula)

    def __call__(self, *args: Any) -> Any:
        if len(args) > 1 and "other" in inspect.signature(self.formula).parameters:
            check_same(self.__name__, as_floats(args[0]), as_floats(args[1]))
        return self.formula(self.e_step, *args)

    @property
    def source(self) -> str:
        """A module with the generated function and the formula; it needs NumPy and SciPy only."""
        return self._module(self.e_step.source)

    def source_for(self, *args: object) -> str:
        """The source for these arguments; nothing is run. For `kl`, which takes two parameters, pass one `eta`."""
        return self._module(self.e_step.source_for(*args))

    def save(self, path: str | Path, *args: object) -> Path:
        """Write the module."""
        target = Path(path)
        target.write_text(self.source_for(*args) if args else self.source, encoding="utf-8")
        return target

    def _module(self, generated: str) -> str:
        text = inspect.getsource(self.formula).replace("def _", "def ")
        for taken_out in ("e_step: Inference, ", ": Pytree", " -> float"):
            text = text.replace(taken_out, "")
        text = text.replace("e_step(", f"{self.e_step.__name__}(")
        helper = inspect.getsource(inner).replace(": Pytree", "").replace(" -> float", "")
        return f"{generated.rstrip()}\n\n\n{helper}\n\n{text}"

    def __repr__(self) -> str:
        return f"<srcdiff.expfam {self.__name__}>"


def mean(log_Z: LogZ, check: Check | None = None, **options: Any) -> Inference:
    """`mean(log_Z)(eta, *data)`: the expected statistics, which are the gradient of `log_Z`.

    Parameters
    ----------
    log_Z : callable
        `log_Z(eta, *data)`.
    check : callable, optional
        It is called with the arguments first, and raises for bad input in the terms of the model.
    **options
        As for `srcdiff.grad`.

    Returns
    -------
    Inference
        Its result is shaped like `eta`.
    """
    return Inference(srcdiff.grad(log_Z, **options), check, "The expected statistics.")


def e_step(log_Z: LogZ, check: Check | None = None, **options: Any) -> Inference:
    """`e_step(log_Z)(eta, *data)`: the log-likelihood (`log_Z`), and the expected statistics.

    Parameters
    ----------
    log_Z : callable
        `log_Z(eta, *data)`.
    check : callable, optional
        It is called with the arguments first, and raises for bad input in the terms of the model.
    **options
        As for `srcdiff.value_and_grad`.

    Returns
    -------
    Inference
        Its result is a number, and statistics shaped like `eta`.
    """
    made = srcdiff.value_and_grad(log_Z, **options)
    return Inference(made, check, "The log-likelihood, and the expected statistics.")


def fisher(log_Z: LogZ, check: Check | None = None, **options: Any) -> Fisher:
    """`fisher(log_Z)(eta, *data, v)`: the Fisher information (the covariance of the statistics) times `v`.

    Parameters
    ----------
    log_Z : callable
        `log_Z(eta, *data)`.
    check : callable, optional
        As for `e_step`.
    **options
        As for `srcdiff.hvp`.

    Returns
    -------
    Fisher
        It takes `v` shaped like `eta`, and its result has that shape, too.
    """
    return Fisher(srcdiff.hvp(log_Z, **options), check, "The Fisher information times v.")


def entropy(log_Z: LogZ, check: Check | None = None, **options: Any) -> Formula:
    """`entropy(log_Z)(eta, *data)`: the entropy, in nats, of the distribution whose terms `log_Z` sums; the base
    measure is 1.

    `check` and `**options` are as for `e_step`.
    """
    return Formula(e_step(log_Z, check, **options), _entropy)


def kl(log_Z: LogZ, check: Check | None = None, **options: Any) -> Formula:
    """`kl(log_Z)(eta, other, *data)`: the divergence KL(eta, other), in nats; both parameters belong to the family of
    `log_Z`.

    `check` and `**options` are as for `e_step`.
    """
    return Formula(e_step(log_Z, check, **options), _kl)


def cross_entropy(log_Z: LogZ, check: Check | None = None, **options: Any) -> Formula:
    """`cross_entropy(log_Z)(eta, other, *data)`: the cross-entropy of `other` under `eta`, in nats.

    Both parameters belong to the family of `log_Z`, with a base measure of 1. The cross-entropy is the entropy of `eta`
    plus KL(eta, other). `check` and `**options` are as for `e_step`.
    """
    return Formula(e_step(log_Z, check, **options), _cross_entropy)


def viterbi(log_Z: LogZ, check: Check | None = None, **options: Any) -> Inference:
    """`viterbi(log_Z)(eta, *data)`: the largest log-weight among the terms that `log_Z` sums, and its statistics.

    It is `log_Z` in the max-plus semiring, and the gradient of that: a subgradient that selects the largest term of
    each sum, and the first one of several.
    """
    made = srcdiff.transform(log_Z, "semiring", semiring="argmax", **options)
    return Inference(made, check, "The largest log-weight, and the statistics that have it.")


def _entropy(e_step: Inference, eta: Pytree, *data: Pytree) -> float:
    """Entropy: the log-partition function less what the expected statistics weigh."""
    log_Z, stats = e_step(eta, *data)
    return float(log_Z - inner(stats, eta))


def _kl(e_step: Inference, eta: Pytree, other: Pytree, *data: Pytree) -> float:
    """Divergence KL(eta, other): what it costs to take `other` for `eta`, in nats."""
    log_Z, stats = e_step(eta, *data)
    log_Z_other, _ = e_step(other, *data)
    return float(log_Z_other - log_Z + inner(stats, eta) - inner(stats, other))


def _cross_entropy(e_step: Inference, eta: Pytree, other: Pytree, *data: Pytree) -> float:
    """Cross-entropy: the mean of minus the log-density of `other`, under `eta`."""
    _, stats = e_step(eta, *data)
    log_Z_other, _ = e_step(other, *data)
    return float(log_Z_other - inner(stats, other))


_entropy.__name__, _kl.__name__, _cross_entropy.__name__ = "entropy", "kl", "cross_entropy"


class ThirdCumulant:
    """The third cumulants contracted with two vectors: `third_cumulant(eta, *data, u, v)`; see `third_cumulant`."""

    def __init__(self, second: Fisher, options: dict[str, object]) -> None:
        self.second = second
        self.options = options
        self._made: dict[str, Any] = {}
        self._latest = ""

    def __call__(self, eta: Pytree, *rest: Any) -> Pytree:
        *data, u, v = rest
        eta, u, v = as_floats(eta), as_floats(u), as_floats(v)
        if self.second.check is not None:
            self.second.check(eta, *data)
        return self._along(eta, *data, v)(eta, *data, v)(u)[1]

    def _along(self, *args: object) -> Any:
        """The derivative of the generated Fisher information along `u`."""
        text = self.second.source_for(*args)
        if text not in self._made:
            function = _executed(text, self.second.__name__)
            self._made[text] = srcdiff.make_jvp(function, **self.options)
        self._latest = text
        return self._made[text]

    @property
    def source(self) -> str:
        """The source of the latest specialisation."""
        if not self._latest:
            raise AttributeError(
                "third_cumulant: call it first, or use source_for(eta, *data, u, v)"
            )
        return str(self._made[self._latest].source)

    def source_for(self, eta: Pytree, *rest: object) -> str:
        """The source for these arguments; nothing is run."""
        *data, _, v = rest
        args = (as_floats(eta), *data, as_floats(v))
        return str(self._along(*args).source_for(*args))


def third_cumulant(log_Z: LogZ, check: Check | None = None, **options: Any) -> ThirdCumulant:
    """`third_cumulant(log_Z)(eta, *data, u, v)`: the third cumulants of the statistics, contracted with `u` and `v`.

    `u`, `v` and the result are shaped like `eta`. It is the derivative of the Fisher information along `u`, and is
    generated from the generated source of the Fisher information.
    """
    return ThirdCumulant(fisher(log_Z, check, **options), options)


class Information:
    """Observed information times a vector: `information(eta, *data, v)`; see `observed_information`.

    Attributes
    ----------
    complete, posterior : Fisher
        The information of states and data together, and the information of the states given the data.
    """

    def __init__(self, complete: Fisher, posterior: Fisher) -> None:
        self.complete = complete
        self.posterior = posterior

    def __call__(self, eta: Pytree, *rest: Any) -> Pytree:
        complete, lost = self.complete(eta, *rest), self.posterior(eta, *rest)
        return map_leaves(lambda whole, part: whole - part, complete, lost)

    @property
    def source(self) -> str:
        """Both generated functions."""
        return f"{self.complete.source}\n\n{self.posterior.source}"


def observed_information(
    log_Z: LogZ,
    joint_log_Z: LogZ,
    check: Check | None = None,
    **options: object,
) -> Information:
    """Observed information (minus the Hessian of the log-likelihood), by Louis' identity.

    It is the information of states and data together, less the information of the states given the data.

    Parameters
    ----------
    log_Z : callable
        `log_Z(eta, *data)`: the sum over states, given the data.
    joint_log_Z : callable
        `joint_log_Z(eta, *data)`: the sum over states and data; of the data, only lengths and inputs count. So `log_Z -
        joint_log_Z` is the log-likelihood, whether parameters are normalised or not.
    check : callable, optional
        As for `e_step`.
    **options
        As for `srcdiff.hvp`.
    """
    return Information(fisher(joint_log_Z, check, **options), fisher(log_Z, check, **options))


def _executed(text: str, name: str) -> Callable[..., object]:
    """The function `name` of generated text; the text is registered where `inspect` looks for sources."""
    file = f"<srcdiff.expfam {name} {abs(hash(text)):x}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    namespace: dict[str, Any] = {"np": np, "__name__": __name__}
    exec(compile(text, file, "exec"), namespace)
    made: Callable[..., object] = namespace[name]
    return made
