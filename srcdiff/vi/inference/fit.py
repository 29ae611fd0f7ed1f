"""Stochastic variational inference: `vi.fit` fits a guide's parameters by stochastic gradient ascent on the bound."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from srcdiff.vi.guides.automatic import Delta, Guide, MeanField
from srcdiff.vi.inference.initialisation import InUnitsOfTheGuide
from srcdiff.vi.inference.learning_rates import Exponential
from srcdiff.vi.inference.optimizers import LBFGS, Adam
from srcdiff.vi.inference.training_loop import Loop, Step
from srcdiff.vi.model.checks import check
from srcdiff.vi.model.log_density import LogDensity
from srcdiff.vi.model.program_text import generators_of
from srcdiff.vi.model.pytree import Data, Pytree, map_leaves
from srcdiff.vi.objectives.elbo import Elbo, elbo
from srcdiff.vi.objectives.target_density import count_rows, data_names
from srcdiff.vi.results.posterior import Posterior


def fit(
    model: Any,
    guide: Any = MeanField,
    *data: object,
    steps: int = 2000,
    batch_size: int | None = None,
    optimizer: object = None,
    rng: np.random.Generator | int | None = None,
    draws: int = 1,
    estimator: Any = "auto",
    init: Pytree = None,
    stop: Callable[[Sequence[float]], bool] | None = None,
    average: bool = True,
    restarts: int = 1,
    on_nan: str = "raise",
    progress: bool = True,
    callbacks: Sequence[Callable[[Step], object]] = (),
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
    **options: Any,
) -> Posterior:
    """Fit a guide to a model's posterior.

    Parameters
    ----------
    model, guide, estimator, draws, **options
        As in `vi.elbo`.
    *data
        The model's arguments.
    steps : int
        The number of steps; for `LBFGS` the largest number of iterations.
    batch_size : int, optional
        The number of rows of the data in each step's batch. Rows are the first axis of the arrays that are as long as
        the first array. Each row occurs once in an epoch, and the observed sites are weighted with (rows) / (rows of
        the batch).
    optimizer : optional
        From `vi.optim`. The default is `LBFGS()` for `Delta` and `Laplace`, and otherwise Adam with a rate that
        decreases from 0.1 to 0.002. That Adam begins near the optimum, which L-BFGS finds: means and standard
        deviations of automatic guides on ten fixed draws, and the parameters of guide functions on 32, if all draws
        have derivatives and no site belongs to a row of a batch. Under automatic guides that Adam moves means in units
        of the guide's standard deviations.
    rng : Generator or int
        The source of noise, batches and restarts.
    init : parameters or dict, optional
        First parameters, or values of sites.
    stop : callable, optional
        A stopping rule such as `vi.stopping.Plateau()`; it is called with all bounds after each step.
    average : bool
        Return the mean of the parameters of the last steps (a fifth to a third of them) rather than the last
        parameters.
    restarts : int
        The number of fits from different places; the one whose last bounds have the highest mean is kept.
    on_nan : str
        "raise", or "skip": leave out a step whose bound or gradient is not finite (20 in a row raise).
    progress : bool
        Show the bound, if standard error is a terminal.
    callbacks : sequence of callable
        Each is called with a `Step` after each step; if one returns True, the fit ends.
    checkpoint : path, optional
        A file to which the fit is saved, every `checkpoint_every` steps and at the end. If the file exists, the fit
        continues from it, with the same numbers, bit for bit.

    Returns
    -------
    Posterior

    Raises
    ------
    ValueError
        Data or settings that do not fit; before the first step where that is possible.
    FloatingPointError
        The bound or its gradient is not finite; the message names the sites.
    """
    _check_options(model, options)
    target = elbo(model, guide, estimator, draws, **options)
    _check_counts(steps, restarts, batch_size)
    is_given = optimizer is not None or not (init is None or isinstance(init, dict))
    _check_data(model, data, target, batch_size)
    if optimizer is None:
        optimizer = _optimizer_for(target, steps, _batches_of(data, target, batch_size))
    _check_settings(on_nan, optimizer, batch_size)
    generator = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)
    loop = Loop(
        target, optimizer, generator, data, steps, batch_size, stop, average, on_nan, progress, tuple(callbacks),
        not is_given,
    )  # fmt: skip
    file = None if checkpoint is None else Path(checkpoint)
    if restarts == 1:
        return loop.fit(_start(target, init, data, generator), file, checkpoint_every)
    return _best_of(restarts, loop, init, file, checkpoint_every)


def _optimizer_for(target: Elbo, steps: int, batches: float) -> InUnitsOfTheGuide | Adam | LBFGS:
    """The default optimiser."""
    if isinstance(target.guide, Delta):
        return LBFGS()
    adam = Adam(Exponential(0.1, 0.002, steps))
    if not isinstance(target.guide, Guide):
        return adam
    return InUnitsOfTheGuide(adam, stretch=float(np.sqrt(batches)))


def _batches_of(data: Data, target: Elbo, batch_size: int | None) -> float:
    """How many batches the data are; at least 1."""
    if batch_size is None or len(data) != len(target.data_names):
        return 1.0
    return max(1.0, count_rows(data, target.data_names)[0] / batch_size)


def _best_of(restarts: int, loop: Loop, init: Pytree, file: Path | None, every: int) -> Posterior:
    """The fit with the highest last bounds, of several that begin at different places."""
    found = []
    for k in range(restarts):
        rng = loop.rng.spawn(1)[0]
        begin = _start(loop.target, init, loop.data, rng, moved=k > 0)
        own = None if file is None else file.with_name(f"{file.name}.{k}")
        found.append(replace(loop, rng=rng).fit(begin, own, every))
    best = max(found, key=lambda p: np.mean(p.bounds[-max(1, len(p.bounds) // 10) :]))
    best.restarts = tuple(found)
    return best


def _check_options(model: Callable[..., object], options: Mapping[str, object]) -> None:
    """Raise for data that are passed by name."""
    named = [name for name in data_names(model) if name in options] if callable(model) else []
    if named:
        raise TypeError(
            f"vi.fit takes data by position, after the guide: vi.fit(model, guide, {', '.join(named)})"
        )


def _check_data(
    model: Callable[..., object], data: Data, target: Elbo, batch_size: int | None
) -> None:
    """Check the data, or their first rows, before anything is compiled."""
    if isinstance(model, LogDensity) or len(data) != len(target.data_names) or generators_of(model):
        return  # `target` raises the error
    if batch_size is not None:
        rows, by_row = count_rows(data, target.data_names)
        first = slice(0, min(batch_size, rows))
        data = tuple(
            np.asarray(a[first]) if is_row else a for a, is_row in zip(data, by_row, strict=True)
        )
    check(model, *data)


def _check_counts(steps: int, restarts: int, batch_size: int | None) -> None:
    counts = {"steps": steps, "restarts": restarts}
    if batch_size is not None:
        counts["batch_size"] = batch_size
    for name, value in counts.items():
        if not isinstance(value, int | np.integer):
            raise TypeError(f"{name}={value!r}: a whole number is needed")
        if value < 1:
            raise ValueError(f"{name}={value}: at least 1 is needed")


def _check_settings(on_nan: str, optimizer: object, batch_size: int | None) -> None:
    if on_nan not in ("raise", "skip"):
        raise ValueError(f"on_nan={on_nan!r}: it is 'raise' or 'skip'")
    if isinstance(optimizer, LBFGS):
        if batch_size is not None:
            raise ValueError("LBFGS needs the same objective in each step: leave batch_size out")
        return
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "step")):
        raise TypeError(
            f"optimizer={optimizer!r}: it has to have init(params) and step(params, grads, state), as vi.optim.Adam()"
        )
    if getattr(optimizer, "maximize", False):
        raise ValueError("optimizer: vi.fit negates the gradients itself; leave out maximize=True")


def _start(
    target: Elbo,
    init: Pytree,
    data: Data,
    rng: np.random.Generator,
    moved: bool = False,
) -> Pytree:
    """First parameters; for restarts, standard normal numbers are added."""
    if init is not None and not isinstance(init, dict):
        params = map_leaves(lambda p: np.array(p, float), init)
        expected = target.init(*data)
        if type(init).__name__ != type(expected).__name__ or [np.shape(p) for p in init] != [
            np.shape(p) for p in expected
        ]:
            shapes = ", ".join(f"{k} {np.shape(v)}" for k, v in expected._asdict().items())
            raise ValueError(
                f"init: parameters of this guide are {type(expected).__name__}: {shapes}"
            )
    else:
        params = target.init(*data, at=init)
    if moved:
        if hasattr(params, "loc"):
            return params._replace(loc=params.loc + rng.standard_normal(len(params.loc)))
        params = map_leaves(lambda p: p + 0.3 * rng.standard_normal(np.shape(p)), params)
    return params
