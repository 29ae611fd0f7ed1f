"""What a user waits for: the first gradient in a new process, with an empty cache and with a warm one.

    python benchmarks/first_call.py [--only examples,problems,corpus] [--names rnn,gmm] [--json results.json]

The programs are those of autograd's examples, the benchmarks' problems at small sizes, and an eighth of the corpus.
Times are seconds from before the library is imported until the first gradient is there; NumPy and SciPy are imported
before. `compiled` and `from the cache` have `jit=True`. Processor time counts all threads and processes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))
import numpy as np
from corpus_loader import load
from programs import autograd_programs

from benchmarks.columns import ALL, problem_named
from benchmarks.peers import rebound
from benchmarks.run import keep_bytecode
from benchmarks.timing import in_new_process

LIMIT = 300.0  # seconds for a process
EVERY = 8  # of the programs of the corpus
COLUMNS = {
    "NumPy": "srcdiff",
    "default": "srcdiff",
    "compiled": "srcdiff",
    "from the cache": "srcdiff",
    "autograd": "autograd",
    "JAX": "jax",
}
Case = tuple[Callable[..., Any], tuple[Any, ...], Any]  # a function, its arguments, and argnums


def names_of(kind: str) -> list[str]:
    """The programs of a kind."""
    if kind == "problems":
        return [name for name in ALL if not hasattr(problem_named(name), "srcdiff_gradient")]
    if kind == "corpus":
        return [p.name for p in load("all")[::EVERY]]
    names = (np, *[None] * 4)
    return list(autograd_programs.programs(*names))


def case(kind: str, name: str, library: str) -> Case:
    """A program as a library takes it."""
    if kind == "examples":
        names = getattr(autograd_programs, "of_autograd" if library == "autograd" else "of_numpy")
        function, args = autograd_programs.programs(*names())[name]
        return function, args, 0
    if kind == "problems":
        problem = problem_named(name)
        function, args, wrt = problem.objective, problem.make(**problem.SMALL), problem.WRT
    else:
        program = next(p for p in load("all") if p.name == name)
        function, args, wrt = program.function, program.arguments(0), program.wrt
    if library == "autograd":
        import autograd.numpy

        function = rebound(function, np=autograd.numpy)
    elif library == "jax":
        import jax.numpy

        function = rebound(function, np=jax.numpy)
    return function, args, wrt


def gradient_of(column: str, function: Callable[..., Any], wrt: Any) -> Callable[..., Any]:
    if column == "autograd":
        import autograd

        return autograd.value_and_grad(function, argnum=wrt)  # type: ignore[no-any-return]
    if column == "JAX":
        import jax

        jax.config.update("jax_enable_x64", True)
        return jax.jit(jax.value_and_grad(function, argnums=wrt))  # type: ignore[no-any-return]
    import srcdiff

    jit = {"NumPy": False, "default": "auto"}.get(column, True)
    return srcdiff.value_and_grad(function, argnums=wrt, jit=jit, on_independent="ignore")


def measure(kind: str, name: str, column: str) -> dict[str, float]:
    """Seconds of processor time and on the wall until the first gradient, and of a second call."""
    clocks = (time.process_time, time.perf_counter)
    if kind == "corpus" or kind == "problems":
        case(kind, name, "")  # the program itself is imported
    start = [clock() for clock in clocks]
    function, args, wrt = case(kind, name, COLUMNS[column])
    gradient = gradient_of(column, function, wrt)
    gradient(*args)
    first = [clock() - began for clock, began in zip(clocks, start, strict=True)]
    began = time.process_time()
    gradient(*case(kind, name, COLUMNS[column])[1])
    return {"processor": first[0], "wall": first[1], "second": time.process_time() - began}


def row(kind: str, name: str, columns: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The measurements of a program, by column; a column that fails has a reason."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for column in columns:
            shared = column in ("compiled", "from the cache")
            cache = Path(folder) / ("shared" if shared else column)
            settings = {"SRCDIFF_CACHE": str(cache)}
            found[column] = in_new_process((kind, name, column), LIMIT, settings)
    return found


def table(rows: dict[str, dict[str, dict[str, Any]]], columns: list[str]) -> str:
    lines = [f"| program | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    for name, found in rows.items():
        cells = [
            f"{found[c]['processor']:.2f}" if "processor" in found[c] else "-" for c in columns
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for word, of in (("median", statistics.median), ("largest", max)):
        times = {
            c: [f[c]["processor"] for f in rows.values() if "processor" in f[c]] for c in columns
        }
        cells = [f"{of(times[c]):.2f}" if times[c] else "-" for c in columns]
        lines.append(f"| {word} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("--only", default="examples,problems,corpus", help="kinds of programs")
    parser.add_argument("--names", default="", help="programs, by name")
    parser.add_argument("--columns", default=",".join(COLUMNS), help="columns, by title")
    parser.add_argument("--json", type=Path, help="where to keep the numbers")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    keep_bytecode()
    columns = options.columns.split(",")
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for kind in options.only.split(","):
        for name in names_of(kind):
            if options.names and name not in options.names.split(","):
                continue
            title = f"{name} ({kind})"
            rows[title] = row(kind, name, columns)
            print(title, json.dumps(rows[title]), flush=True)
            if options.json:
                options.json.write_text(json.dumps(rows, indent=1))
    print(table(rows, columns))


if __name__ == "__main__":
    main()
