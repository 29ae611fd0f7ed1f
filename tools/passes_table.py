"""The table of passes in docs/passes.md: what each pass needs and ensures, why it stands where it does, and its use.

    python tools/passes_table.py            # writes the declared words, and keeps the measured counts
    python tools/passes_table.py --measure  # counts again: half an hour on one core
    python tools/passes_table.py --check    # counts again, and fails where docs/passes.md has other counts

The words are those of `Pass`, beside the passes. A count is the number of programs whose IR a pass changes: of the
corpus (gradients and tangents, in NumPy and as loops; Hessians; gradients for a thread and for a block of threads of a
CUDA device, also in single precision), of the examples, of the benchmarks at their own sizes, of the CUDA kernels of
the tests, and of their log-partition functions in all semirings. `--only` measures some of the five.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

import srcdiff  # noqa: E402
from srcdiff.compile import build  # noqa: E402
from srcdiff.cuda.device_program import build_device  # noqa: E402
from srcdiff.ir.core import Function  # noqa: E402
from srcdiff.ir.syntax.printer import to_text  # noqa: E402
from srcdiff.transforms import loop_pipeline, pipeline, preparation, stability  # noqa: E402
from srcdiff.transforms.gpu.device import pipeline as device_pipeline  # noqa: E402
from srcdiff.transforms.gpu.kernels import pipeline as kernel_pipeline  # noqa: E402
from srcdiff.transforms.passes import Form, Pass  # noqa: E402
from srcdiff.transforms.semiring import pipeline as semiring_pipeline  # noqa: E402

FILE = ROOT / "docs" / "passes.md"
KINDS = ("corpus", "examples", "benchmarks", "kernels", "sums")
Counts = dict[str, tuple[int, ...]]  # by the name of a pass, for each kind

TEXT = """# Passes

`tools/passes_table.py` writes this page from the declarations of the passes. The lists stand in the order in which a
program meets them, and each pass in the list where it runs first; a pass that runs again has a reason for each place.
A count is the number of programs whose IR the pass changes. Checks change nothing: they refuse programs. The last
column counts log-partition functions, which are transformed into all semirings. None of these programs draws random
numbers: `tests/cuda/test_inference.py` has those that do on a device.

A pass needs what earlier passes give:

{forms}

{lists}
"""


def lists() -> dict[str, tuple[Pass, ...]]:
    """All lists of passes with all that switches put into them, in the order in which programs meet them."""
    lengths: dict[str, int] = {}

    def none(_: object) -> Function:
        raise AssertionError("no pass is run")

    return {
        "Preparation": preparation.preparing(frozenset()),
        "Stability rewriting": stability.STEPS,
        "Semirings": tuple(semiring_pipeline.SEMIRINGS.values()),
        "Helpers of compiled code": (*pipeline.INLINED, pipeline.PRIVATE),
        "After reverse mode": (
            *pipeline.deciding("auto"),
            *pipeline.deciding("machine"),
        ),
        "Printed form": pipeline.PRINTED,
        "Jacobians": (pipeline.PRIMAL, pipeline.ONE_HOT),
        "Loops": loop_pipeline.into_loops(lengths, none, calls=True, fastmath=True, narrow=True),
        "Fast loops": loop_pipeline.fast(lengths, fastmath=True, threads="auto", narrow=True),
        "CUDA devices": (
            *device_pipeline.for_device((), raises=True, block=None),
            *device_pipeline.for_device((), raises=False, block="atomic"),
        ),
        "CUDA kernels": (
            *kernel_pipeline.PREPARE,
            *kernel_pipeline.deciding(),
            *kernel_pipeline.PRINTED,
            kernel_pipeline.COUNTS,
        ),
    }


def rows() -> dict[str, list[tuple[Pass, list[str]]]]:
    """The passes of each list that no list before has, and the reasons of each place."""
    reasons: dict[str, list[str]] = defaultdict(list)
    declared: dict[str, Pass] = {}
    found: dict[str, list[tuple[Pass, list[str]]]] = {}
    for title, passes in lists().items():
        found[title] = []
        for step in passes:
            if step.name not in declared:
                declared[step.name] = step
                found[title].append((step, reasons[step.name]))
            if step.why and step.why not in reasons[step.name]:
                reasons[step.name].append(step.why)
    return found


def page(counts: Mapping[str, tuple[int, ...]]) -> str:
    forms = [f"* **{form.name.lower()}**: {form}." for form in Form]
    parts = []
    for title, passes in rows().items():
        lines = [
            f"## {title}",
            "",
            "| pass | ensures | needs | why here | " + " | ".join(KINDS) + " |",
        ]
        lines.append("|---|---|---|---|" + "---:|" * len(KINDS))
        for step, reasons in passes:
            words = (
                step.name,
                step.ensures + "".join(f"; gives **{f.name.lower()}**" for f in step.gives),
                ", ".join(f.name.lower() for f in step.needs),
                "; ".join(reasons),
            )
            numbers = map(str, counts.get(step.name, (0,) * len(KINDS)))
            lines.append("| " + " | ".join((*words, *numbers)) + " |")
        parts.append("\n".join(lines))
    return TEXT.format(forms="\n".join(forms), lists="\n\n".join(parts))


def counts_of(text: str) -> Counts:
    """The counts of a page."""
    found = {}
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) == 4 + len(KINDS) and cells[-1].isdigit():
            found[cells[0]] = tuple(map(int, cells[4:]))
    return found


class Uses:
    """The programs that passes change, by the name of the pass."""

    def __init__(self) -> None:
        self.program = ""
        self.found: dict[str, set[str]] = defaultdict(set)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        plain = Pass.apply

        def apply(step: Pass, fn: Function) -> Function:
            new = plain(step, fn)
            programs = self.found[step.name]
            if new is not fn and self.program not in programs and to_text(new) != to_text(fn):
                programs.add(self.program)
            return new

        Pass.apply = apply  # type: ignore[method-assign]
        try:
            yield
        finally:
            Pass.apply = plain  # type: ignore[method-assign]


def measured(kind: str) -> dict[str, set[str]]:
    """The programs of a kind that each pass changes."""
    import texts  # sets the environment of this process, as only a measurement wants it

    uses = Uses()
    with uses.watching():
        if kind == "corpus":
            for program in texts.corpus_programs():
                uses.program = program.name
                exhaust(texts.derivatives(program))
                g = texts.gradient_of(program)
                for args in (program.arguments(), narrow(program.arguments())):
                    for block in (None, "atomic"):
                        texts.attempt(partial(on_device, g, args, block))
                texts.attempt(partial(hessian_of, program))
        elif kind == "benchmarks":
            for program in texts.benchmark_programs("SIZES"):
                uses.program = program.name
                exhaust(texts.derivatives(program))
        elif kind == "kernels":
            for module in ("user_kernels", "block_kernels", "thread_kernels"):
                for case in importlib.import_module(module).CASES:
                    uses.program = f"{module}.{case.kernel.__name__}"
                    exhaust(texts.kernel_texts(uses.program, case))
        elif kind == "sums":
            for name, log_z, args in log_partition_functions():
                uses.program = name
                for handle, more in in_semirings(log_z):
                    texts.attempt(partial(handle.source_for, *args, *more))
                    texts.attempt(partial(handle.loop_source_for, *args, *more))
    if kind == "examples":
        for path in sorted((ROOT / "examples").glob("*.py")):
            for name in in_process_of_its_own(path):
                uses.found[name].add(path.stem)
    return uses.found


def exhaust(made: Iterator[object]) -> None:
    deque(made, maxlen=0)


def hessian_of(program: Any) -> str:
    matrix = srcdiff.hessian(
        program.function, argnums=program.wrt, jit=False, on_independent="ignore"
    )
    return matrix.source_for(*program.arguments())


def on_device(g: Any, args: Sequence[Any], block: str | None) -> str:
    """The text for a thread, or for a block of threads."""
    arguments = g.signature.bind(args, {}, frozenset())
    return build_device(g.derived, arguments, raises=block is None, block=block).source


def narrow(args: Sequence[Any]) -> list[Any]:
    """The arguments with arrays in single precision."""
    is_wide = [isinstance(a, np.ndarray) and a.dtype == np.float64 for a in args]
    return [a.astype(np.float32) if w else a for a, w in zip(args, is_wide, strict=True)]


def log_partition_functions() -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    from expfam.test_own_programs import CASES  # of the tests

    for name, (log_z, eta, data, _) in CASES.items():
        yield name, log_z, (eta, *data)


def in_semirings(log_z: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """A log-partition function in each semiring, with the arguments behind its own."""
    for kind in ("max", "argmax", "count", "entropy", "max_marginals", "kbest", "sample"):
        k: dict[str, Any] = {"k": 3} if kind == "kbest" else {}
        more = (np.random.default_rng(0),) if kind == "sample" else ()
        yield srcdiff.transform(log_z, "semiring", semiring=kind, jit=False, **k), more
    yield srcdiff.transform(log_z, "scan", jit=False), ()


def in_process_of_its_own(path: Path) -> list[str]:
    """The passes that change programs of an example, which is run."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "found.json")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SRCDIFF_CACHE": folder}
        command = (sys.executable, __file__, "--example", str(path), str(found))
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
        names: list[str] = json.loads(found.read_text())
        return names


def run_example(path: str, found: str) -> None:
    """Run an example, with the loop form of each program that it generates, and write the passes that change any."""
    import texts  # as in `measured`

    plain = build.build

    def with_loops(derived: Any, arguments: Any, *args: Any, **kwargs: Any) -> Any:
        program = plain(derived, arguments, *args, **kwargs)
        texts.attempt(lambda: str(build.build_loops(derived, arguments)))
        return program

    build.build = with_loops
    uses = Uses()
    try:
        with uses.watching():
            runpy.run_path(path, run_name="__main__")
    finally:  # also of an example that lacks a library
        names = [name for name, programs in uses.found.items() if programs]
        Path(found).write_text(json.dumps(names))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--names", type=Path, help="a file for the programs that each pass changes")
    parser.add_argument("--example", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.example:
        run_example(*options.example)
        return 0
    old = counts_of(FILE.read_text()) if FILE.exists() else {}
    counts = dict(old)
    if options.measure or options.check:
        found = {kind: measured(kind) for kind in options.only}
        for step in {step.name for passes in lists().values() for step in passes}:
            before = old.get(step, (0,) * len(KINDS))
            counts[step] = tuple(
                len(found[kind].get(step, ())) if kind in found else n
                for kind, n in zip(KINDS, before, strict=True)
            )
        if options.names:
            sets = {k: {n: sorted(p) for n, p in uses.items()} for k, uses in found.items()}
            options.names.write_text(json.dumps(sets, indent=1))
    if options.check:
        changed = {name: (old.get(name), n) for name, n in counts.items() if old.get(name) != n}
        for name, (was, now) in sorted(changed.items()):
            print(f"{name}: {was} in docs/passes.md, measured {now}")
        return bool(changed)
    FILE.write_text(page(counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
