"""The measurements as Markdown."""

from __future__ import annotations

import math
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.columns import HAND
from benchmarks.peers import PEERS

VERSIONS = ("numpy", "scipy", "numba", *PEERS)


def seconds(t: float) -> str:
    """Three digits, in the unit that suits."""
    if math.isnan(t):
        return "-"
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if t * factor >= 1.0 or unit == "µs":
            digits = max(0, 2 - len(str(int(t * factor))) + 1) if t * factor >= 1 else 2
            return f"{t * factor:.{digits}f} {unit}"
    raise AssertionError


def case(row: dict[str, Any]) -> str:
    return " ".join([row["problem"], *(f"{k}={v}" for k, v in row["size"].items())])


def detailed(row: dict[str, Any]) -> str:
    """A line for each column of one problem at one size, and below why columns are empty."""
    lines = [
        f"| {case(row)} | primal | gradient | gradient/primal | × hand | first call | peak MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    hand = row["columns"][HAND].get(
        "gradient", math.nan
    )  # a missing measure is reported like any other
    reasons: dict[str, list[str]] = {}
    for title, c in row["columns"].items():
        if "gradient" not in c:
            reasons.setdefault(c["reason"], []).append(title)
            continue
        lines.append(
            f"| {title} | {_primal(c)} | {c['gradient'] / hand:.2f} | "
            f"{seconds(c['first'])} | {c['peak']:.0f} |"
        )
    notes = [f"- {', '.join(who)}: {why}" for why, who in reasons.items()]
    return "\n".join([*lines, "", *notes, ""] if notes else [*lines, ""])


def _primal(column: dict[str, Any]) -> str:
    """Three cells: the primal's time, the gradient's, and their ratio."""
    gradient = column["gradient"]
    if "value" not in column:
        return f"| {seconds(gradient)} |"
    value = column["value"]
    return f"{seconds(value)} | {seconds(gradient)} | {gradient / value:.1f}"


def summary(rows: list[dict[str, Any]]) -> str:
    """Gradients: the hand-written time, and every column as a multiple of it."""
    titles = list(dict.fromkeys(t for row in rows for t in row["columns"] if t != HAND))
    titles = [t for t in titles if any("gradient" in row["columns"].get(t, {}) for row in rows)]
    lines = ["| gradient | hand | " + " | ".join(titles) + " |"]
    lines.append("|---" + "|---:" * (len(titles) + 1) + "|")
    for row in rows:
        hand = row["columns"][HAND].get("gradient", math.nan)
        cells = [_multiple(row["columns"].get(t), hand) for t in titles]
        lines.append(f"| {case(row)} | {seconds(hand)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _multiple(column: dict[str, Any] | None, hand: float) -> str:
    if column is None:
        return ""
    if "gradient" not in column:
        return "wrong" if column["reason"].startswith("wrong") else "-"
    times = column["gradient"] / hand
    return f"{times:.2f}" if times < 10 else f"{times:.0f}"


COMPILED = ("srcdiff (compiled)", "srcdiff (compiled), loop source")
SHOWN = (HAND, *COMPILED, "JAX")


def costs(rows: list[dict[str, Any]]) -> str:
    """Gradient over primal, first call and peak memory of the columns that matter most."""
    present = [t for t in SHOWN if any("gradient" in r["columns"].get(t, {}) for r in rows)]
    lines = ["| gradient/primal, first call, peak MB | " + " | ".join(present) + " |"]
    lines.append("|---" * (len(present) + 1) + "|")
    for row in rows:
        cells = [_costs(row["columns"], t) for t in present]
        lines.append(f"| {case(row)} | " + " | ".join(cells) + " |")
    ratios = [ratio for row in rows if (ratio := _best_ratio(row["columns"]))]
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        lines.append(f"\nGradient over the hand-written primal, geometric mean: {mean:.2f}")
    return "\n".join(lines) + "\n"


def _costs(columns: dict[str, Any], title: str) -> str:
    column = columns.get(title, {})
    if "gradient" not in column:
        return "-"
    ratio = column["gradient"] / _primal_of(columns, title)["value"]
    return f"{ratio:.1f}, {seconds(column['first'])}, {column['peak']:.0f}"


def _primal_of(columns: dict[str, Any], title: str) -> dict[str, Any]:
    """Beside what a compiled gradient stands: the primal by hand, as arrays in NumPy are no measure for it."""
    found: dict[str, Any] = columns[HAND if title in COMPILED else title]
    return found


def _best_ratio(columns: dict[str, Any]) -> float | None:
    found = [columns[t]["gradient"] for t in COMPILED if "gradient" in columns.get(t, {})]
    return min(found) / columns[HAND]["value"] if found and "value" in columns[HAND] else None


def conditions(absent: list[str]) -> str:
    """Processor and versions; which peers were skipped."""
    versions = []
    for name in VERSIONS:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    lines = [
        f"{processor()}, one core; Python {platform.python_version()}, {', '.join(versions)}.",
        "Processor time, medians of rounds in turns; first calls and memory in new processes.",
    ]
    if absent:
        lines.append(f"Skipped, as not installed: {', '.join(absent)}.")
    return "\n".join(lines)


def processor() -> str:
    """The model's name, as `lscpu` gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
