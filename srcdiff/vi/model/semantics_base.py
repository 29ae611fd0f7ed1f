"""What the handlers of `vi.handlers` have in common: plates, names and shapes.

The compiler reads all of this in the place of a model's statements.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from srcdiff.effects import effect, evaluated, kinds_around, lengths, loops, once, refuse
from srcdiff.vi.distributions.supports import constraints

__all__ = [
    "Handler", "Plate", "by_item", "check_observed", "is_zero", "listed", "param_value", "plate_of",
    "shape_of_draw", "support_of",
    "value_of", "without_module",
]  # fmt: skip


# ---- plates --------------------------------------------------------------------------------------------------------


@effect
def enter_plate(plate):
    """The block of `with plate(...)` begins."""


@effect
def leave_plate():
    """It ends."""


class Plate:
    """Independent items: what a `with` or a `for` of a model goes over."""

    def __init__(self, name, size, rows, scale):
        self.name = name
        self.size = size  # of the items that are there
        self.rows = rows  # which of all items these are; None for all
        self.scale = scale  # what their log densities are multiplied with, None for 1

    def __iter__(self):
        return (
            range(self.size) if self.rows is None else self.rows
        )  # of which each iteration has one

    def __enter__(self):
        enter_plate(self)
        return np.arange(self.size) if self.rows is None else self.rows

    def __exit__(self, kind, error, trace):
        leave_plate()


# ---- what all handlers do ------------------------------------------------------------------------------------------


def plate_of(name, size, rows, scale):
    """A plate: `rows` of them are there if that is an array, and count for all."""
    if rows is None:
        return Plate(name, size, None, scale)
    if np.ndim(rows) != 1:
        refuse(
            f"subsample= of the plate {name!r} is no array of rows",
            "Draw the rows outside of the model, rng.choice(n, size, replace=False), and pass them.",
        )
    if scale is not None:
        refuse(
            f"the plate {name!r} has subsample=, and a scale of its own",
            "Leave one of them out.",
        )
    return Plate(name, len(rows), rows, size / len(rows))


class Handler:
    """Plates, names and shapes."""

    def __init__(self):
        self.plates: Any = ()  # those of `with` around
        self.sizes: Any = ()  # and how many items each has

    def enter_plate(self, plate):
        self.plates = (*self.plates, plate)
        self.sizes = (*self.sizes, plate.size)

    def leave_plate(self):
        self.plates = self.plates[:-1]
        self.sizes = self.sizes[:-1]

    def begin(self, name, is_counted=True):
        """A site begins: its name is one of its own. `is_counted`: its values have an axis for each loop."""
        if not is_name(name):
            refuse(
                "the name of a site has to be known when the source is read",
                "Give a string; in a loop, all iterations share one name.",
            )
        if name == "":
            refuse(
                "what is drawn here has no name",
                "Assign the draw: `x = rng.normal(mu, sigma)`, or `x = mu + sigma * rng.normal()`.",
            )
        once(
            name,
            f"the site {name!r} is there twice",
            "Give each site a name of its own; a site in a loop has an axis for the loop.",
        )
        for turn, _, _ in loops():
            if turn is None and is_counted:
                refuse(f"the site {name!r} is in a `while` loop", "Use a `for` loop, which counts.")

    def shape(self, distribution):
        """The shape of a site's value in one iteration of the loops around: plates and batch, then the event."""
        if len(self.sizes) == 0:
            return distribution.shape()
        return (
            *np.broadcast_shapes(self.sizes, distribution.batch_shape),
            *distribution.event_shape,
        )

    def scaled(self, log_density):
        """The sum over a site's items, for all that plates leave out."""
        total = log_density if np.ndim(log_density) == 0 else np.sum(log_density)
        for _, _, source in loops():
            if isinstance(source, Plate) and source.scale is not None:
                total = source.scale * total
        for plate in self.plates:
            if plate.scale is not None:
                total = plate.scale * total
        return total


@evaluated
def is_name(name):
    return isinstance(name, str)


@evaluated
def without_module(text):
    """`Normal(0.0, 1.0)` for `vi.dist.Normal(0.0, 1.0)`."""
    return re.sub(r"^(\w+\.)+(?=[A-Z])", "", text)


@evaluated
def is_zero(number):
    return number == 0


def by_item(log_density, axes):
    """The sum over the axes behind those of the items that choose."""
    count = np.ndim(log_density)
    if count <= axes:
        return log_density
    if axes == 0:
        return np.sum(log_density)
    return np.sum(log_density, axis=tuple(range(axes, count)))


def value_of(distribution, state):
    """The value of that number among all that there are."""
    return state if distribution.counts_from_zero else distribution.enumerate_support()[state]


def shape_of_draw(distribution, size):
    """The shape of what `Generator` draws."""
    if size is None:
        return distribution.shape()
    if np.ndim(size) == 0:
        return (size, *distribution.event_shape)
    return (*size, *distribution.event_shape)


@evaluated
def listed(names):
    return ", ".join(map(repr, names)) or "none"


@evaluated
def spread(value, parameters, event_dim):
    """Whether broadcasting makes more of a value and a distribution than either of them is."""
    batch = value[: len(value) - event_dim]
    if None in batch or None in parameters:
        return False
    together = np.broadcast_shapes(batch, parameters)
    return together not in (batch, parameters)


@evaluated
def leaves_items_out(value, parameters, event_dim, sizes):
    """Whether there are fewer log densities than a block's plates have items, or none for each."""
    batch = value[: len(value) - event_dim]
    if None in batch or None in parameters or None in sizes:
        return False
    try:
        together = np.broadcast_shapes(batch, parameters)
        return np.broadcast_shapes(together, sizes) != together
    except ValueError:
        return True


def check_observed(name, distribution, value, sizes):
    """An observed value and its distribution: the one may be repeated for the other, and not both.

    Both together have an axis for each of the plates around, whose `sizes` these are.
    """
    shape = lengths(value)
    batch = lengths(distribution.batch_shape)
    if spread(shape, batch, distribution.event_dim):
        refuse(
            f"the site {name!r} has a value of shape {shape} and parameters of shape {batch}, of which broadcasting "
            "makes more than there are of either",
            "Give both the same axes, as in `y[:, None]`.",
        )
    if len(sizes) > 0 and leaves_items_out(shape, batch, distribution.event_dim, lengths(sizes)):
        refuse(
            f"the site {name!r} has a value of shape {shape} and parameters of shape {batch}, in plates of "
            f"{lengths(sizes)} items",
            "Give the value an axis for each plate, the outermost first.",
        )


def support_of(support):
    """Where a value lies that is made of a draw: None where nobody has said so."""
    kinds = kinds_around()
    if len(kinds) == 0:
        return support
    if kinds[-1] in ("abs", "exp"):
        return constraints.positive
    if is_real(kinds, support.name):
        return constraints.real
    return None


@evaluated
def is_real(kinds, name):
    return name == "real" and all(kind in ("shift", "scale") for kind in kinds)


def param_value(name, init, latents):
    """A parameter's value: the one that is given, or else where it starts."""
    return latents.get(name, init)
