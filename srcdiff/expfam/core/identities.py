"""What follows from a log-partition function by derivatives alone, whatever the model is.

`log_Z(eta, *data)` is a function of natural parameters (any structure of numbers and arrays), and perhaps of data that
the model is conditioned on. Its gradient holds the expected statistics, its Hessian their covariance:

    p(x) = h(x) exp(<eta, t(x)> - log_Z(eta))
"""

import inspect
import linecache
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import srcdiff
from srcdiff.expfam.core.pytree import as_floats, check_alike, inner, map_leaves

__all__ = [
    "Formula",
    "Inference",
    "Information",
    "ThirdCumulant",
    "cross_entropy",
    "e_step",
    "entropy",
    "fisher",
    "kl",
    "mean",
    "observed_information",
    "third_cumulant",
    "viterbi",
]

Check = Callable[..., None]


class Inference:
    """A derivative of `log_Z` as a function of `(eta, *data)`: call it, or look at its `source`.

    Attributes
    ----------
    generated : srcdiff.Generated
        What computes it.
    """

    def __init__(self, generated: srcdiff.Generated, check: Check | None, doc: str) -> None:
        self.generated = generated
        self.check = check
        self.__doc__ = doc
        self.__name__ = generated.__name__

    def __call__(self, eta: Any, *data: Any) -> Any:
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

    def source_for(self, eta: Any, *data: Any) -> str:
        """The source for such arguments; nothing is run."""
        return self.generated.source_for(as_floats(eta), *data)

    def save(self, path: str | Path, *args: Any, form: str = "array") -> Path:
        """Write a module that needs NumPy and SciPy only, as form="numpy" NumPy alone."""
        given = (as_floats(args[0]), *args[1:]) if args else ()
        return self.generated.save(path, *given, form=form)

    def __repr__(self) -> str:
        return f"<srcdiff.expfam {self.__name__}>"


class Fisher(Inference):
    """The Fisher information times `v`: `fisher(eta, *data, v)`, with `v` shaped like `eta`."""

    def __call__(self, eta: Any, *rest: Any) -> Any:
        *data, v = rest
        eta = as_floats(eta)
        if self.check is not None:
            self.check(eta, *data)
        return self.generated(eta, *data, as_floats(v))

    def source_for(self, eta: Any, *rest: Any) -> str:
        *data, v = rest
        return self.generated.source_for(as_floats(eta), *data, as_floats(v))


class Formula:
    """A few lines on top of `value_and_grad(log_Z)`: entropy and the like.

    Attributes
    ----------
    e_step : Inference
        The generated function that it calls.
    """

    def __init__(self, e_step: Inference, formula: Callable[..., Any]) -> None:
        self.e_step = e_step
        self.formula = formula
        self.__name__ = formula.__name__
        self.__doc__ = inspect.getdoc(formula)

    def __call__(self, *args: Any) -> Any:
        if len(args) > 1 and "other" in inspect.signature(self.formula).parameters:
            check_alike(self.__name__, as_floats(args[0]), as_floats(args[1]))
        return self.formula(self.e_step, *args)

    @property
    def source(self) -> str:
        """A module with the generated function and the formula; it needs NumPy and SciPy only."""
        return self._module(self.e_step.source)

    def source_for(self, *args: Any) -> str:
        """The source for such arguments; nothing is run. Of `kl`, which takes two, one `eta` is given."""
        return self._module(self.e_step.source_for(*args))

    def save(self, path: str | Path, *args: Any) -> Path:
        """Write the module."""
        target = Path(path)
        target.write_text(self.source_for(*args) if args else self.source, encoding="utf-8")
        return target

    def _module(self, generated: str) -> str:
        text = inspect.getsource(self.formula).replace("def _", "def ")
        for taken_out in ("e_step: Inference, ", ": Any", " -> float"):
            text = text.replace(taken_out, "")
        text = text.replace("e_step(", f"{self.e_step.__name__}(")
        helper = inspect.getsource(inner).replace(": Any", "").replace(" -> float", "")
        return f"{generated.rstrip()}\n\n\n{helper}\n\n{text}"

    def __repr__(self) -> str:
        return f"<srcdiff.expfam {self.__name__}>"


def mean(log_Z: Callable[..., Any], check: Check | None = None, **options: Any) -> Inference:
    """`mean(log_Z)(eta, *data)`: the expected statistics, which are the gradient."""
    return Inference(srcdiff.grad(log_Z, **options), check, "The expected statistics.")


def e_step(log_Z: Callable[..., Any], check: Check | None = None, **options: Any) -> Inference:
    """`e_step(log_Z)(eta, *data)`: the log-likelihood (`log_Z`), and the expected statistics.

    Parameters
    ----------
    log_Z : callable
        `log_Z(eta, *data)`.
    check : callable, optional
        Called with the arguments first, to raise in the terms of the model.
    **options
        As for `srcdiff.value_and_grad`.
    """
    made = srcdiff.value_and_grad(log_Z, **options)
    return Inference(made, check, "The log-likelihood, and the expected statistics.")


def fisher(log_Z: Callable[..., Any], check: Check | None = None, **options: Any) -> Fisher:
    """`fisher(log_Z)(eta, *data, v)`: the covariance of the statistics times `v`, which is shaped like `eta`."""
    return Fisher(srcdiff.hvp(log_Z, **options), check, "The Fisher information times v.")


def entropy(log_Z: Callable[..., Any], check: Check | None = None, **options: Any) -> Formula:
    """`entropy(log_Z)(eta, *data)`: of what `log_Z` sums over, with a base measure of 1."""
    return Formula(e_step(log_Z, check, **options), _entropy)


def kl(log_Z: Callable[..., Any], check: Check | None = None, **options: Any) -> Formula:
    """`kl(log_Z)(eta, other, *data)`: the divergence of `other` from `eta`, both of the family of `log_Z`."""
    return Formula(e_step(log_Z, check, **options), _kl)


def cross_entropy(log_Z: Callable[..., Any], check: Check | None = None, **options: Any) -> Formula:
    """`cross_entropy(log_Z)(eta, other, *data)`: of `other` under `eta`, both of the family of `log_Z`.

    It is the entropy of `eta` and the divergence of `other` from it, with a base measure of 1.
    """
    return Formula(e_step(log_Z, check, **options), _cross_entropy)


def viterbi(log_Z: Callable[..., Any], check: Check | None = None, **options: Any) -> Inference:
    """`viterbi(log_Z)(eta, *data)`: the largest log-weight of all that is summed over, and its statistics.

    It is `log_Z` in max-plus, and its gradient, which goes to the largest term of each sum; to the first of several.
    """
    made = srcdiff.transform(log_Z, "semiring", semiring="argmax", **options)
    return Inference(made, check, "The largest log-weight, and the statistics that have it.")


def _entropy(e_step: Inference, eta: Any, *data: Any) -> float:
    """Entropy: the log-partition function less what the expected statistics weigh."""
    log_Z, stats = e_step(eta, *data)
    return float(log_Z - inner(stats, eta))


def _kl(e_step: Inference, eta: Any, other: Any, *data: Any) -> float:
    """Divergence KL(eta, other): what it costs to take `other` for `eta`, in nats."""
    log_Z, stats = e_step(eta, *data)
    log_Z_other, _ = e_step(other, *data)
    return float(log_Z_other - log_Z + inner(stats, eta) - inner(stats, other))


def _cross_entropy(e_step: Inference, eta: Any, other: Any, *data: Any) -> float:
    """Cross-entropy: the mean of minus the log-density of `other`, under `eta`."""
    _, stats = e_step(eta, *data)
    log_Z_other, _ = e_step(other, *data)
    return float(log_Z_other - inner(stats, other))


_entropy.__name__, _kl.__name__, _cross_entropy.__name__ = "entropy", "kl", "cross_entropy"


class ThirdCumulant:
    """The third cumulants contracted with `u` and `v`: `third_cumulant(eta, *data, u, v)`; see `third_cumulant`."""

    def __init__(self, second: Fisher, options: dict[str, Any]) -> None:
        self.second = second
        self.options = options
        self._made: dict[str, Any] = {}
        self._latest = ""

    def __call__(self, eta: Any, *rest: Any) -> Any:
        *data, u, v = rest
        eta, u, v = as_floats(eta), as_floats(u), as_floats(v)
        if self.second.check is not None:
            self.second.check(eta, *data)
        return self._along(eta, *data, v)(eta, *data, v)(u)[1]

    def _along(self, *args: Any) -> Any:
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

    def source_for(self, eta: Any, *rest: Any) -> str:
        """The source for such arguments; nothing is run."""
        *data, _, v = rest
        args = (as_floats(eta), *data, as_floats(v))
        return str(self._along(*args).source_for(*args))


def third_cumulant(
    log_Z: Callable[..., Any], check: Check | None = None, **options: Any
) -> ThirdCumulant:
    """`third_cumulant(log_Z)(eta, *data, u, v)`: the third cumulants of the statistics, contracted with `u` and `v`.

    It is the derivative of the Fisher information, and is generated from the generated source of that.
    """
    return ThirdCumulant(fisher(log_Z, check, **options), options)


class Information:
    """Observed information times `v`: `information(eta, *data, v)`; see `observed_information`.

    Attributes
    ----------
    complete, posterior : Fisher
        What is known with the states, and what is lost without.
    """

    def __init__(self, complete: Fisher, posterior: Fisher) -> None:
        self.complete = complete
        self.posterior = posterior

    def __call__(self, eta: Any, *rest: Any) -> Any:
        complete, lost = self.complete(eta, *rest), self.posterior(eta, *rest)
        return map_leaves(lambda whole, part: whole - part, complete, lost)

    @property
    def source(self) -> str:
        """Both generated functions."""
        return f"{self.complete.source}\n\n{self.posterior.source}"


def observed_information(
    log_Z: Callable[..., Any],
    joint_log_Z: Callable[..., Any],
    check: Check | None = None,
    **options: Any,
) -> Information:
    """Minus the Hessian of the log-likelihood, by Louis' identity: information of states and data, less the states'.

    Parameters
    ----------
    log_Z : callable
        `log_Z(eta, *data)`: the sum over states, with the data given.
    joint_log_Z : callable
        `joint_log_Z(eta, *data)`: the sum over states and data; of the data, only lengths and inputs count. So
        `log_Z - joint_log_Z` is the log-likelihood, whether parameters are normalised or not.
    check : callable, optional
        As for `e_step`.
    **options
        As for `srcdiff.hvp`.
    """
    return Information(fisher(joint_log_Z, check, **options), fisher(log_Z, check, **options))


def _executed(text: str, name: str) -> Callable[..., Any]:
    """The function `name` of generated text, with its text where `inspect` looks for it."""
    file = f"<srcdiff.expfam {name} {abs(hash(text)):x}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    namespace: dict[str, Any] = {"np": np, "__name__": __name__}
    exec(compile(text, file, "exec"), namespace)
    return namespace[name]  # type: ignore[no-any-return]
