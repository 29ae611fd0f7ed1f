"""Estimators of the ELBO's gradient, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NOISE = ("independent", "antithetic", "quasi-random")


@dataclass(frozen=True)
class Estimator:
    """The base class of estimators: how the draws depend on each other.

    Attributes
    ----------
    noise : str
        "independent"; "antithetic", in pairs eps and -eps; "quasi-random", from a scrambled Sobol sequence.
    """

    noise: str = "independent"

    def __post_init__(self) -> None:
        if self.noise not in NOISE:
            raise ValueError(f"noise={self.noise!r}: it is one of {', '.join(NOISE)}")


@dataclass(frozen=True)
class Path(Estimator):
    """The path derivative (reparameterisation): through the draws z = T(eps; parameters), with the guide's entropy in
    closed form.

    References
    ----------
    Kingma and Welling (2014); Rezende, Mohamed and Wierstra (2014); Titsias and Lazaro-Gredilla (2014).
    """


@dataclass(frozen=True)
class PathWithoutScore(Estimator):
    """The path derivative of log p(z) - log q(z) through the draws alone.

    The derivative of log q with respect to its own parameters has the mean 0 and is left out, so that the variance goes
    to 0 as the guide approaches the posterior.

    References
    ----------
    Roeder, Wu and Duvenaud (2017), Sticking the landing.
    """


@dataclass(frozen=True)
class ScoreFunction(Estimator):
    """The score function estimator: (log p - log q - baseline) times the derivative of log q; the model needs no
    derivative.

    Parameters
    ----------
    baseline : float, parameters or "running"
        A constant; one constant for each parameter, shaped like them; or "running": the exponential moving average,
        with `decay`, of the bounds in `vi.fit`.

    References
    ----------
    Ranganath, Gerrish and Blei (2014), Black box variational inference.
    """

    baseline: Any = 0.0
    decay: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.baseline, str) and self.baseline != "running":
            raise ValueError(f"baseline={self.baseline!r}: a number, parameters, or 'running'")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay={self.decay}: it has to be in [0, 1)")


@dataclass(frozen=True)
class IWAE(Estimator):
    """The importance weighted bound: the derivative of log mean p(z_s) / q(z_s) through the draws. More draws tighten
    the bound.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), Importance weighted autoencoders.
    """


_BY_NAME: dict[str, Callable[..., Estimator]] = {
    "path": Path,
    "path-without-score": PathWithoutScore,
    "sticking-the-landing": PathWithoutScore,
    "score": ScoreFunction,
    "score-running": lambda noise: ScoreFunction(noise=noise, baseline="running"),
    "iwae": IWAE,
}


def estimator_of(given: object) -> Estimator | dict[str, Estimator]:
    """The estimator with this name, such as `"path"` or `"score+antithetic"`; for a dict, one for each site.

    Raises
    ------
    ValueError
        There is no estimator of this name.
    """
    if isinstance(given, Estimator):
        return given
    if isinstance(given, dict):
        found: dict[str, Estimator] = {}
        for site, each in given.items():
            of_site = estimator_of(each)
            if not isinstance(of_site, Path | ScoreFunction):
                raise ValueError(
                    f"estimator of site {site!r}: for single sites there are 'path' and 'score'"
                )
            found[site] = of_site
        return found
    name, *kinds = [part.strip() for part in str(given).split("+")]
    if name in NOISE:
        name, kinds = "path", [name, *kinds]
    if name not in _BY_NAME or len(kinds) > 1:
        raise ValueError(
            f"estimator={given!r}: there are 'auto', {', '.join(map(repr, _BY_NAME))}, each also with '+antithetic' or "
            "'+quasi-random', and objects of srcdiff.vi.estimators"
        )
    return _BY_NAME[name](noise=kinds[0] if kinds else "independent")
