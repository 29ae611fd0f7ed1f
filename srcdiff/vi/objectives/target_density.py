"""The target density of a fit: a log-joint with plain arguments, from a model or a `LogDensity`."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import srcdiff
from srcdiff.effects import handle
from srcdiff.vi.distributions import LogNormal, Normal
from srcdiff.vi.distributions.divergences import REGISTRY
from srcdiff.vi.distributions.supports import constraints
from srcdiff.vi.model.log_density import LogDensity
from srcdiff.vi.model.models import Site, is_finite, sites
from srcdiff.vi.model.program_text import generators_of, load_text, name_of, parameter, program
from srcdiff.vi.model.pytree import Data
from srcdiff.vi.model.semantics import LogJoint
from srcdiff.vi.model.subsampling_semantics import WeightedLogJoint
from srcdiff.vi.model.unconstrained_layout import Layout, layout_of


def count_rows(data: Data, names: tuple[str, ...]) -> tuple[int, tuple[bool, ...]]:
    """The number of rows of the data, and which data have rows: arrays with the length of the first array.

    Raises
    ------
    ValueError
        There is no array, or it is empty.
    """
    lengths = [len(a) if isinstance(a, np.ndarray) and a.ndim else None for a in data]
    found = [n for n in lengths if n is not None]
    if not found:
        raise ValueError(f"batch_size: none of the data ({', '.join(names)}) is an array with rows")
    if found[0] == 0:
        raise ValueError(f"the data {names[lengths.index(0)]!r} are empty")
    return found[0], tuple(n == found[0] for n in lengths)


@dataclass(frozen=True)
class Target:
    """A log-joint for data of certain types.

    Attributes
    ----------
    name : str
        The name of the model.
    layout : Layout
        The layout of the latent sites.
    log_joint : callable
        `log_joint(*values of the sites, *data)`, which can be called and differentiated.
    data : tuple of str
        The names of the data; in batches the last one is `share`.
    text : callable
        `text(values, *data)`: its source.
    closed : tuple of str
        Sites whose term is minus the divergence of the guide from the prior, rather than the log density. The log-joint
        takes mean and standard deviation of their normal numbers after the sites.
    model : callable or None
        The model, unless the target is a `LogDensity`.
    bounds_of : tuple of str
        The data from which bounds of supports are computed: other values of these need another target.
    """

    name: str
    layout: Layout
    log_joint: Callable[..., object]
    data: tuple[str, ...]
    text: Callable[..., str]
    closed: tuple[str, ...] = ()
    model: Any = None
    bounds_of: tuple[str, ...] = ()


def data_names(model: Callable[..., object]) -> tuple[str, ...]:
    if isinstance(model, LogDensity):
        return model.data
    return tuple(inspect.signature(model).parameters)


def kind_of(data: Data) -> Any:
    """The key of programs for these data: types and shapes of arrays, and integers, which may be lengths."""
    return tuple(
        (a.shape, str(a.dtype))
        if isinstance(a, np.ndarray)
        else (type(a), a if isinstance(a, int | str | bool) else None)
        for a in data
    )


def target_of(
    model: Callable[..., object],
    data: Data,
    full: Data | None = None,
    params: Sequence[str] = (),
    local: bool = False,
    divergences: bool = False,
    drawn: Sequence[str] | None = None,
) -> Target:
    """The log-joint for these data. Finite choices without a value are summed out.

    Parameters
    ----------
    params : sequence of str
        The model's `vi.param`s, which the log-joint takes after the sites.
    local : bool
        Whether sites may have a value for each row of a batch.
    drawn : sequence of str, optional
        The sites that have values; the default is all sites with densities.
    divergences : bool
        Whether to use closed-form KL divergences of a mean-field guide, where there are any.
    full : tuple, optional
        All rows of data, if `data` is a batch of them. The log-joint then takes `share` after the data: the number of
        rows for each row of the batch.

    Raises
    ------
    TypeError
        There are too many data, or too few.
    ValueError
        A site has no place in the layout; the message names it.
    """
    names = data_names(model)
    generators = [] if isinstance(model, LogDensity) else generators_of(model)
    if generators:
        raise TypeError(
            f"the model {name_of(model)!r} draws from a generator ({generators[0]!r}), which does not say what was "
            "observed: say it by vi.observing(model, names, *data), or write vi.sample(name, distribution, obs=value)"
        )
    if len(data) != len(names):
        raise TypeError(
            f"the model {name_of(model)!r} takes {len(names)} data ({', '.join(names)}), {len(data)} were given"
        )
    if isinstance(model, LogDensity):
        return _of_density(model, full is not None)
    return _of_model(model, data, full, params, local, divergences, drawn)


# ---- plain functions --------------------------------------------------------------


def _of_density(density: LogDensity, batched: bool) -> Target:
    name = density.model_name
    if not batched and density.prior is None:
        f = density.f
        return Target(
            name,
            density.layout,
            f,
            density.data,
            lambda values, *data: _density_text(f, name, values, data),
        )
    if density.prior is None:
        raise ValueError(
            f"batch_size: of {name_of(density)!r} only the whole log-joint is known, not what belongs to the rows. "
            "Give LogDensity(log_likelihood, latents, prior=log_prior), or write a model with vi.sample"
        )
    latents, data = ", ".join(density.layout.names), density.data
    terms = [
        f"log_prior({latents})",
        f"log_likelihood({', '.join([*density.layout.names, *data])})",
    ]
    if batched:
        data = (*data, "share")
        terms[1] = f"share * {terms[1]}"
    text = (
        f"def {name}_log_joint({', '.join([*density.layout.names, *data])}):\n"
        f'    """Log density of `{name}`."""\n'
        f"    return {' + '.join(terms)}\n"
    )
    parts = {"log_prior": density.prior, "log_likelihood": density.f}
    made = load_text(text, f"{name}_log_joint", parts)
    shown = [_text_of(f, key) for key, f in parts.items()]
    return Target(
        name, density.layout, made, data, lambda *_: "\n\n".join([*filter(None, shown), text])
    )


def _density_text(
    f: Callable[..., object], name: str, values: Mapping[str, object], data: Data
) -> str:
    if hasattr(f, "source_for"):  # a generated function
        return str(f.source_for(*values.values(), *data))
    return _text_of(f, f"{name}_log_joint")


def _text_of(f: Callable[..., object], name: str) -> str:
    """The source of a user's function, under another name."""
    try:
        text = inspect.cleandoc("\n" + inspect.getsource(f))
    except (OSError, TypeError):
        return ""
    return text.replace(f"def {f.__name__}(", f"def {name}(", 1) + "\n" if "def " in text else ""


# ---- models -------------------------------------------------------------------------


def _of_model(
    model: Callable[..., object],
    data: Data,
    full: Data | None,
    params: Sequence[str],
    local: bool,
    divergences: bool,
    drawn: Sequence[str] | None,
) -> Target:
    found = sites(model, *data)
    latents = _latents_of(model, found, drawn)
    # a guide function determines the supports of its draws
    layout = layout_of(
        [] if local else [(s.name, _lengths(s), _support(s), s.line) for s in latents]
    )
    names = data_names(model)
    if full is not None:
        _check_bounds(model, latents, full)
    values = [*[s.name for s in latents], *params]
    first = [parameter(name) for name in values]
    given = ", ".join(f"{name!r}: {v}" for name, v in zip(values, first, strict=True))
    guides = {s.name: _diverging(s) for s in latents if divergences and _diverging(s) is not None}
    closed = tuple(guides)
    pairs = [f"{part}_{parameter(n)}" for n in closed for part in ("loc", "scale")]
    rows: tuple[str, ...] = ()
    share, plates = "1.0", ""
    if full is not None:
        rows = sites_of_rows(model, found, sites(model, *full), local)
        share, plates = "share", _plate_of_rows(found, rows, [s.name for s in latents])
        rows = () if plates else rows
    arguments = f"{{{given}}}, {{{plates}}}"
    handler: type[LogJoint] = WeightedLogJoint if rows or closed else LogJoint
    if rows or closed:
        texts = [f"{n!r}: {guides[n]}(loc_{parameter(n)}, scale_{parameter(n)})" for n in closed]
        arguments += f", {share}, {rows}, {{{', '.join(texts)}}}"
    last = ["share"] if full is not None else []
    suffix = "bound" if closed else "log_joint"
    name = f"{name_of(model)}_{suffix}"
    if closed:
        made = _less_divergences(model, name, [*first, *pairs, *last], arguments, closed)
    else:
        made = program(model, "log_joint", [*first, *last], handler, arguments, "finish(_model)")
    written = srcdiff.transform(made, "simplify", jit=False)

    def text_for(values: Mapping[str, object], *data: object) -> str:
        ones = [np.asarray(values[n], float) + 1.0 for n in closed for _ in range(2)]
        after = [v if v.ndim else float(v) for v in ones]
        cut = len(data) - len(last)
        return written.source_for(*values.values(), *after, *data[cut:], *data[:cut])

    log_joint: Callable[..., object] = written
    if last:  # `share` follows the data in generated functions, as for plain functions
        inner = ", ".join([*first, *pairs, *last, *names])
        text = f"def {name}({', '.join([*first, *pairs, *names, *last])}):\n    return log_joint({inner})\n"
        log_joint = load_text(text, name, {"log_joint": written})
    bounds_of = tuple(n for n in names if any(n in s.bounds_of for s in latents))
    return Target(
        name_of(model), layout, log_joint, (*names, *last), text_for, closed, model, bounds_of
    )


def _latents_of(
    model: Callable[..., object], found: Sequence[Site], drawn: Sequence[str] | None
) -> list[Site]:
    """The sites that a guide draws: those named `drawn`, or all that are not summed out."""
    latents = [site for site in found if not site.observed]
    if drawn is not None:
        return [site for site in latents if site.name in drawn]
    drawn_sites = [site for site in latents if not is_finite(site)]
    if drawn_sites:
        return drawn_sites
    summed = ", ".join(repr(s.name) for s in latents)
    why = f"{summed} are summed out" if summed else "all of its sites are observed"
    raise ValueError(
        f"the model {name_of(model)!r} has no sites for a guide: "
        + (why if found else "it has no vi.sample at all")
    )


def _less_divergences(
    model: Callable[..., object],
    name: str,
    first: Sequence[str],
    arguments: str,
    closed: Sequence[str],
) -> Callable[..., object]:
    """The log-joint in which minus the divergences of the guide replace some log densities."""
    names = data_names(model)
    text = (
        f"def {name}({', '.join([*first, *names])}):\n"
        f'    """Log density of `{name_of(model)}`; of {", ".join(closed)}, minus the KL divergence of the guide."""\n'
        f"    _handler = WeightedLogJoint({arguments})\n"
        f"    _handle({', '.join(['_handler', '_model', *names])})\n"
        "    return _handler.finish(_model)\n"
    )
    outside = {
        "WeightedLogJoint": WeightedLogJoint, "Normal": Normal, "LogNormal": LogNormal, "_handle": handle,
        "_model": model,
    }  # fmt: skip
    return load_text(text, name, outside)


def _diverging(site: Site) -> str | None:
    """The class of a mean-field guide whose divergence from the site's prior has a closed form, as text."""
    support = site.support
    if support is None or support.event_dim or site.loops or site.conditional:
        return None
    cls = Normal if support.everywhere else LogNormal
    if cls is LogNormal and support not in (constraints.positive, constraints.nonnegative):
        return None
    return cls.__name__ if (cls, site.distribution) in REGISTRY else None


def _check_bounds(model: Callable[..., object], latents: Sequence[Site], full: Data) -> None:
    """Raise for bounds of supports that are computed from rows: each batch would have other bounds."""
    _, by_row = count_rows(full, data_names(model))
    rows = [n for n, is_row in zip(data_names(model), by_row, strict=True) if is_row]
    for site in latents:
        for name in rows:
            if name in site.bounds_of:
                raise ValueError(
                    f"batch_size: site {site.name!r} ({site.line}): where its values may lie is computed of {name!r}, "
                    "of which each batch has other rows; compute it of all of them and pass it as another argument"
                )


def _lengths(site: Site) -> tuple[int, ...]:
    known = tuple(n for n in site.shape if n is not None)
    if len(known) < len(site.shape):
        raise ValueError(
            f"site {site.name!r} ({site.line}): its shape {site.shape} is not known from the data; a guide needs it"
        )
    return known


def _support(site: Site) -> Any:
    if site.support is None:
        raise ValueError(
            f"site {site.name!r} ({site.line}): where its values may lie depends on what is drawn; write it as a "
            "function of a site with bounds that do not, as in `x = high * vi.sample(name, Uniform(0.0, 1.0))`"
        )
    return site.support


def sites_of_rows(
    model: Callable[..., object], batch: Sequence[Site], full: Sequence[Site], local: bool
) -> tuple[str, ...]:
    """The sites with one value for each row: their shapes for a batch differ from those for all the data."""
    rows = []
    for one, all_ in zip(batch, full, strict=True):
        if (one.shape, one.loops) == (all_.shape, all_.loops):
            continue
        if not one.observed and not local and not is_finite(one):
            raise ValueError(
                f"batch_size: site {one.name!r} ({one.line}) has a value for each row, so its part of an automatic "
                "guide grows with the data. Fit it without batches, or make its guide a function of the row"
            )
        rows.append(one.name)
    if not rows:
        raise ValueError(
            f"batch_size: nothing that {name_of(model)!r} observes depends on the rows of the data"
        )
    return tuple(rows)


def _plate_of_rows(found: Sequence[Site], rows: Sequence[str], values: Sequence[str]) -> str:
    """The weight of rows as an entry of `scales` for their plate, if some terms are sums over choices.

    A sum over choices is weighted as a whole, by its plate. Without such sums each site is weighted: "".
    """
    summed = [s for s in found if s.name in rows and not s.observed and s.name not in values]
    if not summed:
        return ""
    others = {p for s in found if s.name not in rows for p in s.plates}
    around = [set(s.plates) - others for s in found if s.name in rows]
    common = sorted(set.intersection(*around))
    if not common:
        s = summed[0]
        raise ValueError(
            f"batch_size: site {s.name!r} ({s.line}) is summed out for each row; put the rows into a plate "
            "(for i in vi.plate('rows', len(y)) or with vi.plate(...)), which shows the terms to weight"
        )
    return f"{common[0]!r}: share"
