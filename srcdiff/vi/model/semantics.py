"""Effect handlers of models: each class gives the statements of a model a meaning, for one kind of program.

The compiler reads the methods in the place of the statements (`srcdiff.effects`), so they cost nothing: the generated
source holds their effect.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logsumexp

from srcdiff.effects import (
    assigned_to,
    evaluated,
    lengths,
    loops,
    named,
    note,
    once,
    refuse,
    remark,
    same_shape,
    spelled,
    undone,
    written,
)
from srcdiff.vi.model.semantics_base import (
    Handler,
    Plate,
    by_item,
    check_counted,
    check_observed,
    is_repeated,
    is_zero,
    listed,
    param_value,
    plate_of,
    repeats,
    shape_of_draw,
    support_of,
    value_of,
    without_module,
)


class Survey(Handler):
    """Lists the sites: values are unknown numbers of the right shapes, and each site is noted."""

    def __init__(self, unknown):
        super().__init__()
        self.unknown = unknown

    def sample(self, name, distribution, obs=None):
        self.begin(name, obs is None)
        around = loops()
        if obs is None:
            shape = self.shape(distribution)
            unknown = int(self.unknown) if distribution.is_discrete else self.unknown
            value = np.full(shape, unknown) if len(shape) > 0 else unknown
        else:
            value = obs
            check_observed(name, distribution, value, self.sizes)
        note(
            "site",
            name=name,
            distribution=distribution,
            value=value,
            support=distribution.support,
            loops=tuple([count for _, count, _ in around]),
            plates=(
                *[source.name for _, _, source in around if isinstance(source, Plate)],
                *[plate.name for plate in self.plates],
            ),
            observed=obs is not None,
        )
        return value

    def draw(self, distribution, size):
        name = assigned_to()
        self.begin(name)
        shape = shape_of_draw(distribution, size)
        unknown = int(self.unknown) if distribution.is_discrete else self.unknown
        value = np.full(shape, unknown) if len(shape) > 0 else unknown
        note(
            "site",
            name=name,
            distribution=distribution,
            value=value,
            support=support_of(distribution.support),
            loops=tuple([count for _, count, _ in loops()]),
            plates=(),
            observed=False,
        )
        return value

    def param(self, name, init, constraint=None):
        note("param", name=name, init=init, constraint=constraint)
        return init

    def plate(self, name, size, subsample=None):
        return plate_of(name, size, subsample, None)


class Draw(Handler):
    """Sampling: values are drawn from a generator, or given."""

    def __init__(self, rng, latents, values):
        super().__init__()
        self.rng = rng
        self.latents = latents
        self.values = {**values}  # storage for sites in loops or branches, and drawn values

    def sample(self, name, distribution, obs=None):
        self.begin(name)
        remark(f"{name} ~ {without_module(spelled('distribution'))}")
        iterations = tuple([iteration for iteration, _, _ in loops()])
        if name in self.latents:
            value = self.latents[name]
            for iteration in iterations:
                value = value[iteration]
            return value
        shape = self.shape(distribution) if obs is None else np.shape(obs)
        if is_repeated(lengths(shape), lengths(distribution.batch_shape), distribution.event_dim):
            distribution = distribution.expand(shape[: len(shape) - distribution.event_dim])
        value = distribution.sample(self.rng, repeats(name, shape, distribution))
        if len(iterations) > 0:
            self.values[name][iterations] = value
        else:
            self.values[name] = value
        return value

    def draw(self, distribution, size):
        """A draw from the model's own generator: the draw that corresponds to the given value, or a new one."""
        name = assigned_to()
        if name in self.latents:
            value = self.latents[name]
            for iteration, _, _ in loops():
                value = value[iteration]
            drawn, _, _ = undone(value)
            return drawn
        remark(f"{name} = {written()}")
        shape = shape_of_draw(distribution, size)
        return distribution.sample(self.rng, repeats(name, shape, distribution))

    def param(self, name, init, constraint=None):
        return param_value(name, init, self.latents)

    def plate(self, name, size, subsample=None):
        return plate_of(name, size, subsample, None)

    def finish(self, model):
        return self.values


class LogJoint(Handler):
    """The log-joint: values are given, and their log densities are added up."""

    def __init__(self, latents, scales):
        super().__init__()
        self.latents = latents
        self.scales = scales
        self.log_p = 0.0
        self.term: Any = 0.0  # in a sum over choices: the present term
        self.adds_to = "log_p"
        self.items = ()  # the axes of a term: the numbers of items that have a choice of their own
        self.around: Any = ()

    def sample(self, name, distribution, obs=None):
        if self.has_own_term(name):
            return self.own_term(name, distribution)
        self.begin(name, obs is None)
        if obs is None:
            value = self.given(name, self.shape(distribution))
        else:
            value = obs
            check_observed(name, distribution, value, self.sizes)
        remark(f"{name} ~ {without_module(spelled('distribution'))}")
        self.add(name, distribution.log_density(value))
        return value

    def add(self, name, log_density):
        if self.adds_to == "log_p":
            self.log_p += self.weighted(name, self.scaled(log_density))
        else:
            self.term = self.term + by_item(log_density, len(self.items))

    def check_latents(self):
        """Refuse latents that are not a dict from names of sites to values."""
        if not isinstance(self.latents, dict):
            refuse(
                "the first argument of a log-joint is a dict of values, by the names of sites",
                "Call it as g({'w': 0.3, 'b': 1.0}, *data), or make it with vi.log_joint(model, ['w', 'b']), which is "
                "called as g(0.3, 1.0, *data).",
            )

    def weighted(self, name, log_density):
        """The log density of a site, with a weight beside those of plates: for subclasses."""
        return log_density

    def has_own_term(self, name):
        """Whether `own_term` computes the term and the value of a site: for subclasses."""
        return False

    def own_term(self, name, distribution):
        raise NotImplementedError

    # ---- finite choices without a value are summed out (`frontend/effects/enumerate.py`)

    def sums_out(self, name):
        self.check_latents()
        return name not in self.latents and weighs_sums(type(self))

    def choose(self, name, distribution):
        """Storage for the log densities of all statements that follow each value."""
        self.begin(name)
        return self.terms_of(name, distribution)

    def terms_of(self, name, distribution):
        if self.adds_to == "term":
            for _ in self.plates[len(self.items) :]:
                refuse(
                    f"the site {name!r} is in a plate within what another site is summed over",
                    "Write the inner plate as a loop: `for i in vi.plate(...)`.",
                )
        remark(f"{name} ~ {without_module(spelled('distribution'))}, summed out")
        self.around = (*self.around, (name, self.term, self.adds_to, self.items))
        self.adds_to, self.items = "term", self.sizes
        self.term = np.zeros(self.sizes) if len(self.sizes) > 0 else 0.0
        return np.empty((distribution.enumerate_support().shape[0], *self.sizes))

    def choose_from(self, name, distribution, state):
        """The logarithms of the weights of each state before the first iteration: all weight is on the given state."""
        log_alpha = self.terms_of(name, distribution)
        if len(self.sizes) > 0:
            for k in range(len(log_alpha)):
                log_alpha[k] = self.only_from(0.0, k, state)
        else:
            log_alpha[:] = -np.inf
            log_alpha[state] = 0.0
        return log_alpha

    def choose_also(self, name, distribution, log_alpha):
        """An axis for the values of another choice."""
        check_counted(distribution)
        self.begin(name)
        return self.extend(name, distribution, log_alpha)

    def extend(self, name, distribution, log_alpha):
        remark(f"{name} ~ {without_module(spelled('distribution'))}, summed out")
        count = np.ndim(log_alpha) - len(self.sizes)
        values = distribution.enumerate_support().shape[0]
        return np.empty((*log_alpha.shape[:count], values, *self.sizes))

    def only_from(self, log_alpha, state, known):
        """The log weight of a state if it is the known one, otherwise -inf."""
        known = np.broadcast_to(known, self.sizes) if len(self.sizes) > 0 else known
        return np.where(known == state, log_alpha, -np.inf)

    def enter_choice(self, state, distribution):
        """Begin the statements for one value."""
        value = value_of(distribution, state)
        if len(self.sizes) > 0:
            value = np.full(self.sizes, value)
        self.term = distribution.log_density(value)
        return value

    def enter_next(self, log_alpha, state, distribution):
        """Begin the statements for one value of another choice, with the log weight of the values before it."""
        self.term = log_alpha + distribution.log_density(self.enter_state(state))
        return self.enter_state(state)

    def enter_state(self, state):
        """One state, repeated for all items of plates."""
        return np.full(self.sizes, state) if len(self.sizes) > 0 else state

    def leave_choice(self):
        return self.term

    def choose_all(self, terms):
        choices = np.ndim(terms) - len(self.items)
        name, self.term, self.adds_to, self.items = self.around[-1]
        self.around = self.around[:-1]
        if choices == np.ndim(terms):
            self.add(name, logsumexp(terms))
        else:
            self.add(name, logsumexp(terms, axis=0 if choices == 1 else tuple(range(choices))))

    def terms_along(self, log_alpha, axis):
        """Storage for the terms of one state: one for each value of a choice."""
        return np.empty((log_alpha.shape[axis], *self.sizes))

    def transition(self, log_alpha, state, distribution, terms):
        """The log weight of a transition from one state to the next."""
        check_counted(distribution)
        same_shape(
            distribution.enumerate_support(),
            (terms.shape[0],),
            "iterations pass on a choice among {wanted} values, which is drawn again among {own}",
            "Give all draws of a chain the same values.",
        )
        return log_alpha + distribution.log_density(self.enter_state(state))

    def choose_next(self, name, state, terms):
        """The log weight of the next state, summed over all states before it."""
        self.begin(name)
        self.term = logsumexp(terms, axis=0) if np.ndim(terms) > 1 else logsumexp(terms)
        return self.enter_state(state)

    def given(self, name, shape):
        """The value of a latent site in this iteration."""
        value = self.item(name)
        same_shape(
            value,
            shape,
            f"the value of the site {name!r} has shape {{own}}, and its distribution {{wanted}}",
            "Give a value for each item of the site.",
        )
        return value

    def item(self, name):
        """The value of a site in this iteration, of whatever shape."""
        self.check_latents()
        if name not in self.latents:
            refuse(
                f"there is no value for the site {name!r}: the latents have {listed(tuple(self.latents))}",
                "Name the latents as the model's sites.",
            )
        value = self.latents[name]
        if np.ndim(value) < len(loops()):
            refuse(
                f"the value of the site {name!r} has shape {lengths(value)}, without an axis for each loop around it",
                "Give an array with a row for each iteration.",
            )
        for iteration, _, _ in loops():
            value = value[iteration]
        return value

    def draw(self, distribution, size):
        name = assigned_to()
        self.begin(name)
        shape = shape_of_draw(distribution, size)
        remark(f"{name} = {written()}")
        drawn, log_slope, either_sign = undone(self.item(name))
        same_shape(
            drawn,
            shape,
            f"the value of `{name}` has shape {{own}}, and the draw {{wanted}}",
            "Draw as many numbers as there are values, by size=.",
        )
        log_density = distribution.log_density(drawn)
        if either_sign:
            if is_zero(getattr(distribution, "loc", None)):
                log_density = np.log(2.0) + log_density
            else:
                log_density = np.logaddexp(log_density, distribution.log_density(-drawn))
        if log_slope is not None:
            log_density = log_density - log_slope
        self.add(name, log_density)
        return drawn

    def param(self, name, init, constraint=None):
        once(
            name, f"the parameter {name!r} is there twice", "Give each parameter a name of its own."
        )
        return param_value(name, init, self.latents)

    def plate(self, name, size, subsample=None):
        return plate_of(name, size, subsample, self.scales.get(name, None))

    def finish(self, model):
        for name in self.latents:
            if name not in named():
                refuse(
                    f"the latents have a value for {name!r}, which is no site of the model: these are "
                    f"{listed(named())}",
                    "Leave it out, or correct its name.",
                    at=model,
                )
        return self.log_p


@evaluated
def weighs_sums(cls):
    """Whether a sum over a site's values can be weighted as the site is: a class that overrides `sample` must override
    `weighted`.
    """
    return cls.sample is LogJoint.sample or cls.weighted is not LogJoint.weighted
