"""How long srcdiff takes to transform programs of 10 to 1,000 statements and the HMM, and to be imported.

    python benchmarks/transform_time.py

The programs are generated as text: straight-line array code with a loop after every few statements. Nothing is run,
only transformed. The time for each statement should not grow with the length of the program.
"""

from __future__ import annotations

import argparse
import importlib.util
import linecache
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

os.environ["SRCDIFF_CACHE"] = "off"  # what is found is not transformed

HMM = Path(__file__).parents[1] / "tests" / "corpus" / "targets" / "hmm.py"
SIZES = (10, 30, 100, 300, 1000)
OPERATIONS = ("np.sin({a}) * {b}", "{a} * {b} + 0.5", "np.exp(-{a}**2)", "{a} - 0.3 * np.tanh({b})")
EVERY = 10  # statements from one loop to the next


def program_text(n_statements: int, constant: int = 0) -> str:
    """A function of `x` and `y` with so many statements, the `return` included."""
    lines = ["def program(x, y):"]
    names = ["x", "y"]
    while len(lines) < n_statements:  # the `def` is counted in place of the `return`
        room = n_statements - len(lines)
        if room >= 4 and len(names) % (EVERY - 2) == 0:
            lines += _loop(names)
        else:
            lines.append(f"    {_next(names)} = {_expression(names)}")
            names.append(_next(names))
    lines.append(f"    return np.sum({names[-1]} * {names[-2]}) + {constant}.0")
    return "\n".join(lines) + "\n"


def _expression(names: list[str]) -> str:
    operation = OPERATIONS[(len(names) - 2) % len(OPERATIONS)]
    return operation.format(a=names[-1], b=names[-2])


def _loop(names: list[str]) -> list[str]:
    """Three statements: a value, and a loop that carries it."""
    name = _next(names)
    lines = [
        f"    {name} = {names[-1]}",
        "    for k in range(3):",
        f"        {name} = {name} + 0.1 * np.cos({name} * {names[-2]})",
    ]
    names.append(name)
    return lines


def _next(names: list[str]) -> str:
    return f"v{len(names) - 1}"


def function_of(text: str, n_statements: int) -> Callable[..., Any]:
    """Compiles a program so that its source can be found."""
    file = f"<program of {n_statements} statements>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"np": np}
    exec(compile(text, file, "exec"), namespace)
    function: Callable[..., Any] = namespace["program"]
    return function


def transform_seconds(n_statements: int, repeats: int) -> float:
    """Median over programs that differ in a constant: the same one again might come from a cache."""
    import srcdiff

    x, y = np.linspace(0.1, 1.0, 5), np.linspace(-1.0, 1.0, 5)
    seconds = []
    for constant in range(repeats):
        function = function_of(program_text(n_statements, constant), n_statements)
        start = time.perf_counter()
        srcdiff.value_and_grad(function, argnums=(0, 1)).source_for(x, y)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def hmm_seconds(repeats: int) -> list[float]:
    """Generating the HMM's value and gradient, each time anew: the first also parses rules it needs."""
    import srcdiff

    seconds = []
    for _ in range(repeats + 1):
        module = hmm_module()
        (function,) = (
            f for name, f in vars(module).items() if f"{name}_value_and_grad" in vars(module)
        )
        start = time.perf_counter()
        srcdiff.value_and_grad(function, argnums=(0, 1, 2)).source_for(*module.EXAMPLES[0])
        seconds.append(time.perf_counter() - start)
    return seconds


def hmm_module() -> ModuleType:
    """The module of the target, new each time: handles of one function share what they generate."""
    spec = importlib.util.spec_from_file_location("hmm", HMM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["hmm"] = module
    spec.loader.exec_module(module)
    return module


def import_seconds(module: str, repeats: int) -> float:
    """Least time of importing a module in a new process, NumPy's time left out unless it is NumPy."""
    program = (
        f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    )
    if module != "numpy":
        program = f"import numpy; {program}"
    command = [sys.executable, "-c", program]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(repeats)
    ]
    return min(float(run.stdout) for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description="Transformation and import times of srcdiff.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    options = parser.parse_args()

    transform_seconds(min(options.sizes), 1)  # rules are parsed on first use
    print(f"{'statements':>10}  {'ms':>8}  {'ms a statement':>14}")
    hmm = [1e3 * seconds for seconds in hmm_seconds(options.repeats)]
    for n_statements in options.sizes:
        milliseconds = 1e3 * transform_seconds(n_statements, options.repeats)
        print(f"{n_statements:10}  {milliseconds:8.1f}  {milliseconds / n_statements:14.3f}")

    print(f"\nhmm, the first time         {hmm[0]:6.1f} ms")
    print(f"hmm, the median after that  {statistics.median(hmm[1:]):6.1f} ms")
    print(f"\nimport numpy               {import_seconds('numpy', options.repeats):6.3f} s")
    print(f"import srcdiff, over that  {import_seconds('srcdiff', options.repeats):6.3f} s")


if __name__ == "__main__":
    main()
