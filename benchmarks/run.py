"""Gradients of srcdiff, by hand and of other libraries, side by side:

    python benchmarks/run.py [--only hmm,gmm] [--quick] [--peers jax,torch] [--json results.json]

Every gradient is compared with the hand-written one before it is timed. All columns of a row are timed in one process,
in turns, on one processor; first calls and peak memory are measured in a new process each.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import argparse
import compileall
import importlib.util
import json
import re
import warnings
from typing import Any

from benchmarks import (
    one_core,  # noqa: F401  before NumPy
    table,
    timing,
)
from benchmarks.columns import ALL, HAND, build, missing, problem_named, titles
from benchmarks.peers import PEERS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--only", default=",".join(ALL), help="problems, by name")
    parser.add_argument("--peers", default=",".join(PEERS), help="libraries, by name; '' for none")
    parser.add_argument("--quick", action="store_true", help="one small size each, few rounds")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for a process")
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    keep_bytecode()
    peers = [p for p in options.peers.split(",") if p]
    absent = missing(peers)
    rows = []
    for name in options.only.split(","):
        problem = problem_named(name)
        late: set[str] = set()
        for size in problem.QUICK if options.quick else problem.SIZES:
            present = [p for p in peers if p not in absent]
            rows.append(row(name, size, present, options, late))
            print(table.detailed(rows[-1]), flush=True)
            if options.json:
                options.json.write_text(json.dumps(rows, indent=1))
    print(table.summary(rows))
    print(table.costs(rows))
    print(table.conditions(absent))


def keep_bytecode() -> None:
    """What pip compiles when it installs a package, for srcdiff in a checkout: first calls would otherwise begin with
    it, in each process anew where Python keeps none (`PYTHONDONTWRITEBYTECODE`).
    """
    found = importlib.util.find_spec("srcdiff")
    for folder in (found and found.submodule_search_locations) or ():
        compileall.compile_dir(folder, quiet=2)


def measure(source: str, title: str, name: str, size: str) -> dict[str, Any]:
    args = problem_named(name).make(**json.loads(size))
    try:
        return timing.first_call(build(source, title, name, args))
    except Exception as error:  # whatever a library raises is why its column is empty
        return {"reason": reason(error)}


def reason(error: Exception) -> str:
    """The first line of the message, without the folder of the file that it names."""
    first = re.sub(r"^\S*/", "", str(error).split("\n")[0])
    return (
        first if type(error).__name__ == "UnsupportedError" else f"{type(error).__name__}: {first}"
    )


def row(
    name: str, size: dict[str, int], peers: list[str], options: argparse.Namespace, late: set[str]
) -> dict[str, Any]:
    """All columns of one problem at one size. `late` gathers those that ran out of time, for the sizes that follow."""
    problem = problem_named(name)
    columns: dict[str, dict[str, Any]] = {}
    for source, title in titles(name, peers):
        if title in late or takes_too_long(problem, source, title, size):
            columns[title] = {"reason": "left out: takes too long at this size"}
            continue
        found = timing.in_new_process([source, title, name, json.dumps(size)], options.limit)
        if found.get("reason", "").startswith("over"):
            late.add(title)
        columns[title] = found
    args = problem.make(**size)
    time_columns(name, args, titles(name, peers), columns, options.quick)
    return {"problem": name, "size": size, "columns": columns}


def takes_too_long(problem: Any, source: str, title: str, size: dict[str, int]) -> bool:
    tests = getattr(problem, "LEFT_OUT", {})
    return any(tests[key](size) for key in (source, title) if key in tests)


def time_columns(
    name: str,
    args: tuple[Any, ...],
    sources: list[tuple[str, str]],
    columns: dict[str, dict[str, Any]],
    quick: bool,
) -> None:
    """Adds `value` and `gradient`, in seconds, to what was measured of each column that is right."""
    timers: dict[tuple[str, str], timing.Timer] = {}
    _, expected = build("hand", HAND, name, args)[1]()
    for source, title in sources:
        if "reason" in columns[title]:
            continue
        value, gradient = build(source, title, name, args)
        error = timing.difference(gradient()[1], expected)
        columns[title]["error"] = error
        if not error < timing.TOLERANCE:
            columns[title]["reason"] = f"wrong: differs by {error:.1e}"
            continue
        if value is not None:
            timers[title, "value"] = timing.Timer(value)
        timers[title, "gradient"] = timing.Timer(gradient)
    rounds, seconds, budget = (5, 0.002, 0.5) if quick else (15, 0.005, 1.5)
    timing.in_turns(list(timers.values()), rounds, seconds, budget)
    for (title, kind), timer in timers.items():
        columns[title][kind] = timer.median()


if __name__ == "__main__":
    main()
