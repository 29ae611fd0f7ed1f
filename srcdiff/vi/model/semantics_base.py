"""The base of effect handlers for models: plates, names and shapes.

The compiler reads all of this in the place of a model's statements.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from srcdiff.effects import effect, evaluated, kinds_around, lengths, loops, once, refuse
from srcdiff.vi.distributions.supports import constraints

# ---- plates --------------------------------------------------------------------------------------------------------


@effect
def enter_plate(plate):
    """The block of `with plate(...)` begins."""


@effect
def leave_plate():
    """The block of `with plate(...)` ends."""


class Plate:
    """Independent items: the object that a `with` or a `for` of a model iterates over."""

    def __init__(self, name, size, rows, scale):
        self.name = name
        self.size = size  # the number of items that are present
        self.rows = rows  # the positions of these items among all; None for all
        self.scale = scale  # a factor of their log densities; None for 1

    def __iter__(self):
        return range(self.size) if self.rows is None else self.rows  # each iteration has one item

    def __enter__(self):
        enter_plate(self)
        return np.arange(self.size) if self.rows is None else self.rows

    def __exit__(self, kind, error, trace):
        leave_plate()


# ---- methods of all handlers ----------------------------------------------------------------------------------------


def plate_of(name, size, rows, scale):
    """A plate. If `rows` is an array, these rows are present and represent all items."""
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
    """The base class of handlers: plates, names and shapes."""

    def __init__(self) -> None:
        self.plates: Any = ()  # the plates of the enclosing `with` statements
        self.sizes: Any = ()  # the number of items of each

    def enter_plate(self, plate):
        self.plates = (*self.plates, plate)
        self.sizes = (*self.sizes, plate.size)

    def leave_plate(self):
        self.plates = self.plates[:-1]
        self.sizes = self.sizes[:-1]

    def begin(self, name, is_counted=True):
        """Register a site, whose name must be unique. `is_counted`: its values have an axis for each loop."""
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
        for iteration, _, _ in loops():
            if iteration is None and is_counted:
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
        """The sum over a site's items, scaled for the items that subsampled plates leave out."""
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
    """Whether the name of a site is a string that is known when the source is read."""
    return isinstance(name, str)


@evaluated
def without_module(text):
    """`Normal(0.0, 1.0)` for `vi.dist.Normal(0.0, 1.0)`."""
    return re.sub(r"^(\w+\.)+(?=[A-Z])", "", text)


@evaluated
def is_zero(number):
    return number == 0


def by_item(log_density, axes):
    """The sum over all axes after those of the items that have a choice."""
    count = np.ndim(log_density)
    if count <= axes:
        return log_density
    if axes == 0:
        return np.sum(log_density)
    return np.sum(log_density, axis=tuple(range(axes, count)))


def value_of(distribution, state):
    """The value with this number among all values of a choice."""
    return state if distribution.counts_from_zero else distribution.enumerate_support()[state]


def shape_of_draw(distribution, size):
    """The shape of a draw by the `Generator`'s method."""
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
    """Whether broadcasting makes the shape larger than both the value's and the distribution's."""
    batch = value[: len(value) - event_dim]
    if None in batch or None in parameters:
        return False
    together = np.broadcast_shapes(batch, parameters)
    return together not in (batch, parameters)


@evaluated
def leaves_items_out(value, parameters, event_dim, sizes):
    """Whether there are fewer log densities than items in a block's plates, or no separate one for each item."""
    batch = value[: len(value) - event_dim]
    if None in batch or None in parameters or None in sizes:
        return False
    try:
        together = np.broadcast_shapes(batch, parameters)
        return np.broadcast_shapes(together, sizes) != together
    except ValueError:
        return True


def check_observed(name, distribution, value, sizes):
    """Refuse an observed value and a distribution that are both repeated by broadcasting; one of them may be.

    Their joint shape has an axis for each of the plates around the site; `sizes` are the plates' sizes.
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
    """The support of a value that is computed from a draw; None if it is not known."""
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
    """A parameter's value: the given one, or else its first value."""
    return latents.get(name, init)


# ---- shapes of values and of parameters ------------------------------------------------------------------------------


def check_counted(distribution):
    """Refuse a choice whose values do not count from 0: iterations pass its position among all values."""
    if not distribution.counts_from_zero:
        refuse(
            "iterations pass on a choice whose values are not counted from 0",
            "Draw it from a Categorical or a Bernoulli distribution, and look its value up.",
        )


def repeats(name, shape, distribution):
    """The first axes of a value's shape along which a distribution's batch is drawn repeatedly."""
    batch = distribution.batch_shape
    count = len(shape) - len(batch) - len(distribution.event_shape)
    if count < 0 or ends_otherwise(lengths(shape), lengths(batch), count):
        refuse(
            f"the site {name!r} has values of shape {lengths(shape)}, and its parameters shape {lengths(batch)}, which "
            "is not repeated along the first axes",
            "Give the parameters all axes of the value, as np.broadcast_to(x, shape) does.",
        )
    return shape[:count]


@evaluated
def is_repeated(shape, batch, event_dim):
    """Whether broadcasting repeats parameters to the shape of a value along axes other than the first ones."""
    items = shape[: len(shape) - event_dim]
    if None in items or None in batch or len(batch) > len(items):
        return False
    if items[len(items) - len(batch) :] == batch:
        return False
    pairs = zip(items[len(items) - len(batch) :], batch, strict=True)
    return all(own in (1, item) for item, own in pairs)


@evaluated
def ends_otherwise(shape, batch, count):
    """Whether the last axes differ; NumPy checks lengths that only the run knows."""
    pairs = zip(shape[count : count + len(batch)], batch, strict=True)
    return any(a != b for a, b in pairs if None not in (a, b))
