"""Properties of the compiler as a whole: the same text in every process, a quick start, work that grows linearly."""

import json
import linecache
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srcdiff

TESTS = Path(__file__).parent

# Programs with several similar values (swapped, carried, in branches), where an order could be undetermined.
PROGRAMS = (
    "hmm", "burgers", "tuple_swap", "several_returns", "fixed_point_two_iterates", "secant_method",
    "tuple_state_in_loop", "gru_dict_parameters", "nested_parameters", "helper_returns_structures",
    "while_with_two_exits",
)  # fmt: skip

GENERATE = """
import json, sys, warnings
import srcdiff
from srcdiff.ir.core import Value

seed = int(sys.argv[1])
Value.__hash__ = lambda self: hash((id(self), seed))  # sets of values are walked in an order of their own
import corpus_loader

warnings.simplefilter("ignore")
texts = {}
for program in corpus_loader.load("all"):
    if program.name in sys.argv[2:]:
        for residuals in ("auto", "store"):
            handle = srcdiff.value_and_grad(program.function, argnums=program.wrt, residuals=residuals)
            texts[program.name, residuals] = handle.source_for(*program.arguments(0))
print(json.dumps([[*k, v] for k, v in texts.items()]))
"""


def start(program: str, *arguments: str, seed: int = 0) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(TESTS), str(Path(srcdiff.__file__).parents[1])])
    environment = {
        **os.environ,
        "PYTHONHASHSEED": str(seed),
        "PYTHONPATH": path,
        "SRCDIFF_CACHE": "off",  # it generates anew
    }
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def output(process: subprocess.Popen[str]) -> str:
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return text


@pytest.mark.long
def test_every_process_generates_the_same_text() -> None:
    runs = [start(GENERATE, str(seed), *PROGRAMS, seed=seed) for seed in (1, 2, 3)]
    texts = [{(name, mode): text for name, mode, text in json.loads(output(run))} for run in runs]
    assert {name for name, _ in texts[0]} == {*PROGRAMS}
    for other in texts[1:]:
        for key, text in texts[0].items():
            assert other[key] == text, key


def test_import_loads_only_what_is_needed_to_start() -> None:
    loaded = set(output(start("import sys, srcdiff; print(*sys.modules)")).split())
    heavy = {"scipy", "numba", "rich", "astunparse", "IPython", "pytest"}
    assert not heavy & loaded
    stages = {
        "srcdiff.frontend.trace",
        "srcdiff.transforms.pipeline",
        "srcdiff.codegen.module.module",
        "srcdiff.ops.core.registry",
    }
    assert not stages & loaded, "the stages are imported for the first program"


# ---- growth -------------------------------------------------------------------------------------


def straight_line(n: int) -> str:
    lines = [f"    x = x * np.sin(y) + {k}.5\n    y = y + np.tanh(x)\n" for k in range(n)]
    return "def f(x, y):\n" + "".join(lines) + "    return np.sum(x * y)\n"


def loops(n: int) -> str:
    loop = "    for i in range(5):\n        x = x + 0.1 * np.sin(x * y)\n"
    return "def f(x, y):\n" + n * loop + "    return np.sum(x)\n"


def one_long_loop(n: int) -> str:
    lines = [f"        x = x * np.sin(y) + {k}.5\n" for k in range(n)]
    return "def f(x, y):\n    for i in range(5):\n" + "".join(lines) + "    return np.sum(x)\n"


def branches(n: int) -> str:
    part = "    if np.sum(x) > {k}.0:\n        x = x * y\n    else:\n        x = np.sin(x)\n"
    return "def f(x, y):\n" + "".join(part.format(k=k) for k in range(n)) + "    return np.sum(x)\n"


def helper(n: int) -> str:
    head = "def h(u, v):\n    return np.sin(u) * v + u\n\n\ndef f(x, y):\n"
    return head + n * "    x = h(x, y)\n" + "    return np.sum(x)\n"


def elements(n: int) -> str:
    lines = [f"    b[{k % 4}] = b[{(k + 1) % 4}] * np.sin(b[{(k + 2) % 4}])\n" for k in range(n)]
    return "def f(x, y):\n    b = x * y\n" + "".join(lines) + "    return np.sum(b)\n"


def calls_made(write: Callable[[int], str], n: int) -> int:
    """How many Python functions are called to transform a program: this number is the same on every machine."""
    text = write(n)
    file = f"<{write.__name__} {n}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names: dict[str, Any] = {"np": np}
    exec(compile(text, file, "exec"), names)
    handle = srcdiff.value_and_grad(names["f"], argnums=(0, 1))
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        handle.source_for(np.ones(4), np.ones(4))
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.long
@pytest.mark.parametrize(
    "write",
    [straight_line, loops, one_long_loop, branches, helper, elements],
    ids=lambda f: f.__name__,
)
def test_work_grows_linearly_with_the_program(write: Callable[[int], str]) -> None:
    calls_made(write, 4)  # rules are parsed when first used
    base, short, long = (calls_made(write, n) for n in (10, 20, 60))
    assert long - base < 1.3 * 5 * (short - base)
