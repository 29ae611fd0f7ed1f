"""What a model's statements mean: a class for each program that is made of a model.

The compiler reads them in the place of the statements (`srcdiff.effects`), so that they cost nothing: the generated
source holds what they do.
"""

from __future__ import annotations

import numpy as np

from srcdiff.effects import effect, loops, note, refuse, remark, spelled

__all__ = ["LogJoint", "Survey"]


@effect
def enter_plate(plate):
    """The block of `with plate(...)` begins."""


@effect
def leave_plate():
    """It ends."""


class Plate:
    """Independent items: what a `with` or a `for` of a model goes over."""

    def __init__(self, name, size, scale):
        self.name = name
        self.size = size
        self.scale = scale

    def __iter__(self):
        return range(self.size)

    def __enter__(self):
        enter_plate(self)
        return np.arange(self.size)

    def __exit__(self, kind, error, trace):
        leave_plate()


class Handler:
    """What all of them have."""

    def enter_plate(self, plate):
        self.plates = (*self.plates, plate)

    def leave_plate(self):
        self.plates = self.plates[:-1]

    def plate(self, name, size, subsample=None):
        return Plate(name, size, 1.0)


class Survey(Handler):
    """Values are unknown numbers of the right shapes, and each site is noted."""

    def __init__(self, unknown):
        self.unknown = unknown
        self.plates = ()

    def sample(self, name, distribution, obs=None):
        support = distribution.support
        around = loops()
        if obs is None:
            sizes = tuple([plate.size for plate in self.plates])
            batch = np.broadcast_shapes(sizes, distribution.batch_shape)
            shape = (*batch, *distribution.event_shape)
            unknown = int(self.unknown) if distribution.is_discrete else self.unknown
            value = np.full(shape, unknown) if len(shape) > 0 else unknown
        else:
            value = obs
        note(
            "site",
            name=name,
            distribution=distribution,
            value=value,
            support=support,
            loops=tuple([turns for _, turns, _ in around]),
            observed=obs is not None,
        )
        return value


class LogJoint(Handler):
    """Values are given, and their log densities are added up."""

    def __init__(self, latents):
        self.latents = latents
        self.log_p = 0.0
        self.plates = ()

    def sample(self, name, distribution, obs=None):
        if obs is None:
            value = self.latents[name]
            for turn, _, _ in loops():
                value = value[turn]
        else:
            value = obs
        remark(f"{name} ~ {spelled('distribution')}")
        log_density = distribution.log_density(value)
        self.log_p += log_density if np.ndim(log_density) == 0 else np.sum(log_density)
        return value
