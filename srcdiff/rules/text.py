"""Pieces of text for the rules of solvers: adjoints of several parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Axes = Mapping[str, int]  # the number of axes of each parameter


def unused_names(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    """The names, with underscores appended where a text uses the name for something else."""
    used = {*taken, *(f"d_{n}" for n in names), *(f"{n}_dot" for n in names)}
    found: list[str] = []
    for name in names:
        while name in used:
            name += "_"
        found.append(name)
        used.add(name)
    return found


def listed(*names: str) -> str:
    return ", ".join(n for n in names if n)


def called(name: str, *args: str) -> str:
    return f"{name}({listed(*args)})"


def as_parts(names: Sequence[str], axes: Axes, sign: str = "") -> list[str]:
    """The adjoints of parameters as parts of a vector."""
    forms = {0: f"np.array([{sign}d_{{}}])", 1: f"{sign}d_{{}}"}
    return [forms.get(axes[n], f"{sign}np.ravel(d_{{}})").format(n) for n in names]


def unpacked(names: Sequence[str], axes: Axes, vector: str) -> list[str]:
    """The parts of a vector as adjoints of the parameters. They are results, so arrays do not share storage."""
    if len(names) == 1 and axes[names[0]] == 1:
        return [vector]
    own = ".copy()" if sum(axes[n] > 0 for n in names) > 1 else ""
    out: list[str] = []
    first, before = 0, ""  # the start of a part: a number, plus the sizes of arrays
    for n in names:
        start = f"{before}{first}" if first or not before else before.removesuffix(" + ")
        if axes[n] == 0:
            out.append(f"{vector}[{start}]")
            first += 1
            continue
        is_last = n == names[-1]
        stop = (
            ""
            if is_last
            else f" {before}{first} + {_size(n, axes)}"
            if first
            else f" {before}{_size(n, axes)}"
        )
        lower = "" if start == "0" else f"{start} "
        part = vector if not lower and is_last else f"{vector}[{lower}:{stop}]{own}"
        out.append(part if axes[n] == 1 else f"np.reshape({part}, {n}.shape)")
        before += f"{_size(n, axes)} + "
    return out


def size_of(names: Sequence[str], axes: Axes) -> str:
    """The number of elements of all parameters."""
    numbers = sum(axes[n] == 0 for n in names)
    arrays = [_size(n, axes) for n in names if axes[n]]
    return " + ".join([*arrays, *([str(numbers)] if numbers else [])])


def _size(name: str, axes: Axes) -> str:
    return f"len({name})" if axes[name] == 1 else f"{name}.size"
