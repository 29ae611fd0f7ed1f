"""The training loop of a fit: its steps, checkpoints, and the treatment of values that are not finite."""

import hashlib
import math
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import srcdiff
from srcdiff.vi.guides.automatic import Laplace, gaussian
from srcdiff.vi.inference import checkpoints
from srcdiff.vi.inference.initialisation import near_the_optimum
from srcdiff.vi.inference.minibatches import Batches
from srcdiff.vi.inference.optimizers import LBFGS
from srcdiff.vi.inference.stopping_rules import still_rises
from srcdiff.vi.model.pytree import Data, Pytree, leaves, map_leaves
from srcdiff.vi.objectives.bound import Bound, VectorBound
from srcdiff.vi.objectives.elbo import Elbo, guide_name
from srcdiff.vi.objectives.gradient_estimators import ScoreFunction
from srcdiff.vi.objectives.target_density import count_rows
from srcdiff.vi.results.posterior import Posterior
from srcdiff.waits import shown


class Average(NamedTuple):
    """Sums over the latest two blocks of steps, each a quarter longer than the one before.

    So their mean is the mean of the last 20 to 36 % of the steps, whatever their number.

    References
    ----------
    Polyak and Juditsky (1992); for variational inference, Dhaka et al. (2020), Robust, accurate stochastic optimization
    for variational inference.
    """

    steps: int
    begun: int
    earlier_count: int
    latest: Any
    earlier: Any

    def add(self, params: Pytree) -> "Average":
        """The average after one more step."""
        count, latest = self.steps + 1, map_leaves(lambda a, p: a + p, self.latest, params)
        if count < 1.25 * self.begun:
            return Average(count, self.begun, self.earlier_count, latest, self.earlier)
        zeros = map_leaves(lambda p: 0.0 * p, params)
        return Average(count, count, count - self.begun, zeros, latest)

    def mean(self) -> Pytree:
        """The mean of both blocks."""
        n = self.earlier_count + self.steps - self.begun
        return map_leaves(lambda a, b: (a + b) / n, self.latest, self.earlier)


def begin(params: Pytree) -> Average:
    """The average before the first step."""
    zeros = map_leaves(lambda p: 0.0 * p, params)
    return Average(0, 0, 0, zeros, zeros)


@dataclass(frozen=True)
class Step:
    """The argument of callbacks: the number of the step (from 1), the parameters after it, and its bound."""

    number: int
    params: Any
    bound: float


@dataclass
class Loop:
    """One fit: its settings, and the state that changes from step to step."""

    target: Elbo
    optimizer: Any
    rng: np.random.Generator
    data: Data
    steps: int
    batch_size: int | None
    stop: Any
    average: bool
    on_nan: str
    progress: bool
    callbacks: tuple[Any, ...]
    warm: bool = False
    bounds: list[float] = field(init=False, default_factory=list)
    baseline: float = field(init=False, default=0.0)
    skipped: int = field(init=False, default=0)
    by_row: tuple[bool, ...] = field(init=False, default=())
    programs: dict[int, Bound] = field(init=False, default_factory=dict)

    def fit(self, params: Pytree, file: Path | None, every: int) -> Posterior:
        """Run the fit from `params`, with a checkpoint in `file` every `every` steps."""
        is_silent = self._shows_steps or not self.progress
        wait = nullcontext() if is_silent else shown("fitting", guide_name(self.target.guide))
        # `_not_finite` checks
        with wait, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if isinstance(self.optimizer, LBFGS):
                params, stopped = self._minimise(params)
            else:
                params, stopped = self._climb(params, file, every)
        guide = None
        if isinstance(self.target.guide, Laplace):
            guide, params = self._laplace(params)
        return Posterior(self.target, params, self.bounds, self.data, stopped, guide=guide)

    @property
    def _shows_steps(self) -> bool:
        """Whether a line is overwritten with the bound of each step."""
        return self.progress and sys.stderr.isatty() and not isinstance(self.optimizer, LBFGS)

    # ---- stochastic steps

    def _climb(self, params: Pytree, file: Path | None, every: int) -> tuple[Pytree, str]:
        if self.warm and not (file is not None and file.exists()):
            params = self._warmed(params)
        state = self.optimizer.init(params)
        mean = begin(params)
        batches = self._batches()
        stopped = ""
        if file is not None and file.exists():
            params, state, mean, stopped = self._resume(file, params, state, mean, batches)
        show = _Progress(self.steps) if self._shows_steps else None
        while not stopped:
            params, state = self._step(params, state, batches)
            mean = mean.add(params)
            number = len(self.bounds)
            if show is not None:
                show(number, self.bounds[-1])
            stopped = self._over(number, params)
            if file is not None and (stopped or number % every == 0):
                self._save(file, params, state, mean, batches, stopped)
        return (mean.mean() if self.average else params), stopped

    def _warmed(self, params: Pytree) -> Pytree:
        """Parameters near the optimum, by the path derivative; on a batch, if steps take batches."""
        data, batches = self.data, self._batches(np.random.default_rng(0))
        if batches is not None:
            rows, share = batches.next()
            data = (*rows, share)
        rows, full = (data, None) if batches is None else (data[:-1], self.data)
        ahead = self.steps * self.target.draws
        try:
            bound = self.target.by_path().bound(*rows, full=full)
            return near_the_optimum(bound, params, data, ahead)
        except srcdiff.DifferentiationError:  # the score function needs no derivative of the model
            return params

    def _step(
        self, params: Pytree, state: Pytree, batches: Batches | None
    ) -> tuple[Pytree, Pytree]:
        data = self.data
        if batches is not None:
            rows, share = batches.next()
            data = (*rows, share)
        bound = self.bound_of(data, batches is not None)
        eps = bound.noise(self.rng, self.target.draws, self.target.noise_kind)
        value, grads = bound.step(params, eps, data, self._baseline())
        is_finite = math.isfinite(value) and _finite(grads)
        if not is_finite:
            self._not_finite(bound, params, value, grads, eps, data)
        self.bounds.append(float(value))
        if is_finite:
            self.skipped = 0
            self._follow(float(value))
            params, state = self.optimizer.step(params, map_leaves(np.negative, grads), state)
        return params, state

    def bound_of(self, data: Data, batched: bool = False) -> Bound:
        """The programs for these data, looked up by the length of a batch."""
        rows = len(data[self.by_row.index(True)]) if batched else -1
        found = self.programs.get(rows)
        if found is None:
            full = self.data if batched else None
            found = self.target.bound(*(data[:-1] if batched else data), full=full)
            self.programs[rows] = found
        return found

    def _over(self, number: int, params: Pytree) -> str:
        step = Step(number, params, self.bounds[-1])
        ended = [callback(step) is True for callback in self.callbacks]  # every callback runs
        if any(ended):
            return "a callback ended it"
        if self.stop is not None and self.stop(self.bounds):
            return "the bound rises no more"
        if number < self.steps:
            return ""
        rising = ", while the bound still rose" if still_rises(self.bounds) else ""
        return f"all {self.steps} steps are done{rising}"

    def _batches(self, rng: np.random.Generator | None = None) -> Batches | None:
        if self.batch_size is None:
            return None
        names = self.target.data_names
        rows, self.by_row = count_rows(self.data, names)
        if not 1 <= self.batch_size <= rows:
            raise ValueError(f"batch_size={self.batch_size}: the data have {rows} rows")
        return Batches(self.data, self.by_row, rows, self.batch_size, rng or self.rng)

    # ---- baselines

    def _baseline(self) -> Any:
        estimator = self.target.estimator
        if not isinstance(estimator, ScoreFunction):
            return 0.0
        return self.baseline if estimator.baseline == "running" else estimator.baseline

    def _follow(self, value: float) -> None:
        """Update the running baseline. A baseline does not depend on the draws from which it is subtracted."""
        estimator = self.target.estimator
        if isinstance(estimator, ScoreFunction) and estimator.baseline == "running":
            keep = estimator.decay if len(self.bounds) > 1 else 0.0
            self.baseline = keep * self.baseline + (1.0 - keep) * value

    # ---- values that are not finite

    def _not_finite(
        self,
        bound: Bound,
        params: Pytree,
        value: float,
        grads: Pytree,
        eps: Pytree,
        data: Data,
    ) -> None:
        self.skipped += 1
        if self.on_nan == "skip" and self.skipped < 20:
            return
        what = "bound" if not math.isfinite(value) else "gradient"
        times = f", {self.skipped} times in a row" if self.skipped > 1 else ""
        sites = bound.blame(params, grads, eps, data)
        raise FloatingPointError(
            f"step {len(self.bounds) + 1}: the {what} is not finite{times} (bound {value}): {sites}"
        )

    # ---- a deterministic objective

    def _minimise(self, params: Pytree) -> tuple[Pytree, str]:
        bound = self.bound_of(self.data)
        eps = bound.noise(self.rng, self.optimizer.draws, self.target.noise_kind)

        def objective(p: Pytree) -> tuple[float, Pytree]:
            value, grads = bound.step(p, eps, self.data, 0.0)
            if not self.bounds and not (math.isfinite(value) and _finite(grads)):
                self._not_finite(bound, p, value, grads, eps, self.data)
            if math.isfinite(value):
                self.bounds.append(float(value))
            return -float(value), map_leaves(np.negative, grads)

        found = self.optimizer.minimize(objective, params, self.steps)
        return found.x, f"L-BFGS: {found.message}"

    def _laplace(self, params: Pytree) -> tuple[Pytree, Pytree]:
        """The normal distribution at the maximum, from the Hessian there."""
        bound = self.bound_of(self.data)
        assert isinstance(bound, VectorBound)
        hessian = srcdiff.hessian(bound.function, jit=False)
        H = hessian(*params, np.zeros((1, 0)), *self.data)
        lowest = np.linalg.eigvalsh(-H)[0]
        if not lowest > 0:
            k = int(np.argmax(np.abs(np.linalg.eigh(-H)[1][:, 0])))
            raise ValueError(
                f"Laplace: the density has no maximum here, it does not fall along site {bound.layout.site_at(k)!r} "
                f"(the lowest curvature is {lowest:.3g}); more steps, another start or another guide may help"
            )
        guide, own = gaussian(params.loc, np.linalg.inv(-H))
        return guide, bound.with_guide(guide).params_type(*own, *params[1:])

    # ---- checkpoints

    def _description(self, params: Pytree) -> dict[str, object]:
        digest = hashlib.sha256()
        for a in self.data:
            if isinstance(a, np.memmap):  # may be larger than memory
                digest.update(repr((a.shape, str(a.dtype))).encode())
            else:
                digest.update(np.ascontiguousarray(a).tobytes())
        return {
            "guide": guide_name(self.target.guide),
            "estimator": repr(self.target.estimator),
            "optimizer": repr(self.optimizer) if "<function" not in repr(self.optimizer) else "",
            "draws": self.target.draws,
            "batch_size": self.batch_size,
            "parameters": [list(np.shape(p)) for p in leaves(params)],
            "data": digest.hexdigest(),
        }

    def _save(
        self,
        file: Path,
        params: Pytree,
        state: Pytree,
        mean: Pytree,
        batches: Batches | None,
        over: str,
    ) -> None:
        meta = {
            "fit": self._description(params),
            "rng": self.rng.bit_generator.state,
            "batches": batches.state() if batches else None,
            "baseline": self.baseline,
            "skipped": self.skipped,
            "stopped": over,
        }
        bounds = np.array(self.bounds)
        trees = {"params": params, "state": state, "mean": mean, "bounds": bounds}
        checkpoints.save(file, trees, meta)

    def _resume(
        self, file: Path, params: Pytree, state: Pytree, mean: Pytree, batches: Batches | None
    ) -> tuple[Any, Any, Any, str]:
        like = {"params": params, "state": state, "mean": mean, "bounds": np.zeros(0)}
        trees, meta = checkpoints.load(file, like, self._description(params))
        self.bounds = trees["bounds"].tolist()
        self.baseline, self.skipped = meta["baseline"], meta["skipped"]
        if batches is not None:
            batches.restore(meta["batches"])
        self.rng.bit_generator.state = meta["rng"]
        over = meta["stopped"]
        if over.startswith("all"):  # the number of steps may be larger now
            over = ""
        if len(self.bounds) >= self.steps:
            over = over or f"all {self.steps} steps are done"
        return trees["params"], trees["state"], trees["mean"], over


def _finite(grads: Pytree) -> bool:
    return all(math.isfinite(np.sum(leaf)) for leaf in grads)


class _Progress:
    """One line that is overwritten a few times a second."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.begun = self.shown = time.monotonic()
        self.bound = math.nan

    def __call__(self, number: int, bound: float) -> None:
        self.bound = bound if math.isnan(self.bound) else 0.98 * self.bound + 0.02 * bound
        now = time.monotonic()
        if now - self.shown < 0.2 and number < self.steps:
            return
        self.shown = now
        rate = number / max(now - self.begun, 1e-9)
        end = "\n" if number >= self.steps else ""
        print(
            f"\rstep {number}/{self.steps}  bound {self.bound:.6g}  {rate:.0f} steps/s ",
            end=end,
            file=sys.stderr,
            flush=True,
        )
