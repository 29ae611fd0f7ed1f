"""One hash for each generated text, to compare two checkouts: a refactoring changes none of them.

    python tools/texts.py > before.txt          # a few minutes, on one core
    python tools/texts.py > after.txt && diff before.txt after.txt
    python tools/texts.py --write FOLDER        # the texts themselves, one file each, to see a difference

The texts are those of the corpus (programs and targets, of which the golden files are some), of the benchmarks'
problems, of kernels and of the examples: gradients and tangents, in NumPy and as loops. Nothing is compiled. A program
without a text has its error instead. `--only corpus`, `benchmarks`, `kernels` or `examples` leaves the others out.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

os.environ["SRCDIFF_JIT"] = "0"
os.environ["SRCDIFF_CACHE"] = tempfile.mkdtemp(prefix="texts")
os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402

import srcdiff  # noqa: E402

Text = tuple[str, str]  # a name, and the text


def attempt(make: Callable[[], str]) -> str:
    """A text, or the error that there is instead of one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()
    except Exception as error:
        message = f"{type(error).__name__}: {error}".replace(str(ROOT), "")
        return re.sub(r"0x[0-9a-f]+", "0x", message)


def forms(name: str, g: Any, arguments: Callable[[], tuple[Any, ...]]) -> Iterator[Text]:
    yield name, attempt(lambda: g.source_for(*arguments()))
    file = Path(os.environ["SRCDIFF_CACHE"], "loops.py")
    yield (
        f"{name}, loops",
        attempt(lambda: g.save(file, *arguments(), form="loops", allow_srcdiff=True).read_text()),
    )


class Program(NamedTuple):
    """A function and arguments of it; `has_many_results`: its Jacobian is what is wanted."""

    name: str
    function: Callable[..., Any]
    wrt: Any
    arguments: Callable[[], tuple[Any, ...]]
    has_many_results: bool = False


def gradient_of(program: Program) -> Any:
    return srcdiff.value_and_grad(
        program.function, argnums=program.wrt, jit=False, on_independent="ignore"
    )


def derivatives(program: Program) -> Iterator[Text]:
    name, function, wrt, arguments, has_many_results = program
    yield from forms(f"{name}, gradient", gradient_of(program), arguments)
    positions = wrt if isinstance(wrt, tuple) else (wrt,)

    def with_tangents() -> tuple[Any, ...]:
        args = arguments()
        return args, tuple(a if k in positions else None for k, a in enumerate(arguments()))

    tangent = srcdiff.differentiate(function, argnums=wrt, jit=False, on_independent="ignore").jvp
    yield from forms(f"{name}, tangent", tangent, with_tangents)
    if has_many_results:
        matrix = srcdiff.jacobian(function, argnums=wrt, jit=False)
        yield from forms(f"{name}, jacobian", matrix, arguments)


def corpus_programs() -> Iterator[Program]:
    from corpus_loader import load  # of the tests

    for p in load("all"):
        yield Program(f"corpus/{p.name}", p.function, p.wrt, partial(p.arguments, 0))


def benchmark_programs(size: str = "SMALL") -> Iterator[Program]:
    """The problems for arguments of their smallest sizes, or of another row of sizes of theirs."""
    for path in sorted((ROOT / "benchmarks" / "problems").glob("[a-z]*.py")):
        problem = importlib.import_module(f"benchmarks.problems.{path.stem}")
        for form in ("objective", "loops"):
            if not hasattr(problem, form) or hasattr(problem, "MODES"):
                continue
            settings = getattr(problem, size)
            settings = settings[0] if isinstance(settings, list) else settings
            yield Program(
                f"benchmarks/{path.stem}.{form}",
                getattr(problem, form),
                problem.WRT,
                partial(problem.make, **settings),
                hasattr(problem, "srcdiff_gradient"),
            )


def corpus() -> Iterator[Text]:
    for program in corpus_programs():
        yield from derivatives(program)


def benchmarks() -> Iterator[Text]:
    for program in benchmark_programs():
        yield from derivatives(program)


def kernels() -> Iterator[Text]:
    for module in ("user_kernels", "block_kernels"):
        for k, case in enumerate(importlib.import_module(module).CASES):
            yield from kernel_texts(f"{module}/{k} {case.kernel.__name__}", case)


def kernel_texts(name: str, case: Any) -> Iterator[Text]:
    for derive in (srcdiff.cuda.adjoint, srcdiff.cuda.tangent):
        args = case.arguments(np.random.default_rng(3), np.float64)
        yield f"{name}, {derive.__name__}", attempt(partial(derive(case.kernel).source_for, *args))


def examples() -> Iterator[Text]:
    """The texts that an example generates, which it leaves in a cache of its own."""
    for path in sorted((ROOT / "examples").glob("*.py")):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "SRCDIFF_CACHE": folder}
            done = subprocess.run(
                [sys.executable, str(path)],
                cwd=folder,
                env=environment,
                capture_output=True,
                check=False,
            )
            for k, text in enumerate(sorted(p.read_text() for p in Path(folder).rglob("*.py"))):
                yield f"examples/{path.stem} {k}", text
            yield f"examples/{path.stem}, exit status", str(done.returncode)


def main() -> None:
    kinds = {f.__name__: f for f in (corpus, benchmarks, kernels, examples)}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=kinds, nargs="+", default=list(kinds))
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    for kind in options.only:
        for name, text in kinds[kind]():
            print(hashlib.sha256(text.encode()).hexdigest()[:16], name, flush=True)
            if options.write:
                options.write.mkdir(parents=True, exist_ok=True)
                (options.write / re.sub(r"\W+", "_", name)).write_text(text)


if __name__ == "__main__":
    main()
