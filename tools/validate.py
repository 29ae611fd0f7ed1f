"""Compares each pass with the reference evaluator on many programs: `python tools/validate.py --help`.

Each function is generated in NumPy and as loops, in every form that it has: reverse, forward, second order, Jacobians,
Hessians, batches, and the semirings of log-partition functions. Kernels are generated as adjoints and tangents;
examples and documents are run as scripts.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib
import io
import os
import runpy
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":  # without tools/, where fuzz.py would hide tests/fuzz
    sys.path[:1] = [str(ROOT), str(ROOT / "tests")]
    for _name, _value in (
        ("SRCDIFF_VALIDATE", "1"),
        ("SRCDIFF_JIT", "0"),
        ("SRCDIFF_CACHE", "off"),
    ):
        os.environ[_name] = _value
    os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")

import numpy as np  # noqa: E402

import srcdiff  # noqa: E402
from srcdiff.compile.arguments.pytree import map_leaves, random_like  # noqa: E402
from srcdiff.compile.build import build, build_loops  # noqa: E402
from srcdiff.errors import ValidationError  # noqa: E402
from srcdiff.transforms.validation.validate import REPORT  # noqa: E402


@dataclass(frozen=True)
class Program:
    """A function, the positions of the differentiated arguments, and what makes its arguments."""

    name: str
    function: Callable[..., Any]
    wrt: tuple[int, ...]
    arguments: Callable[[], tuple[Any, ...]]
    forms: tuple[str, ...] = ()  # those of functions, where none are given


# ---- forms ---------------------------------------------------------------------------------------------------------

Call = tuple[Any, tuple[Any, ...]]  # a handle, and arguments for it


def _reverse(p: Program) -> Call:
    return srcdiff.value_and_grad(p.function, argnums=p.wrt, jit=False), p.arguments()


def _forward(p: Program) -> Call:
    args, rng = p.arguments(), np.random.default_rng(0)
    tangents = tuple(
        random_like(a, rng) if k in p.wrt else map_leaves(lambda _: None, a)
        for k, a in enumerate(args)
    )
    made = srcdiff.differentiate(p.function, argnums=p.wrt, jit=False, on_independent="ignore")
    handle, given = made.jvp.resolve(args, tangents)
    return handle, given


def _second_order(p: Program) -> Call:
    args, rng = p.arguments(), np.random.default_rng(0)
    v = tuple(random_like(args[k], rng) for k in p.wrt)
    return srcdiff.hvp(p.function, argnums=p.wrt, jit=False), (*args, v)


def _jacobian(p: Program, mode: str) -> Call:
    g = srcdiff.jacobian(p.function, argnums=p.wrt, jit=False, mode=mode)
    return g, p.arguments()


def _hessian(p: Program) -> Call:
    return srcdiff.hessian(p.function, argnums=p.wrt, jit=False), p.arguments()


def _batch(p: Program) -> Call:
    """A gradient of three items; what is no array or number in double precision is the same for all."""
    args = p.arguments()
    axes = tuple(0 if np.asarray(a).dtype == np.float64 else None for a in map(_leaf, args))
    if axes.count(0) == 0:
        raise srcdiff.UnsupportedError("no argument is a number or an array in double precision")
    many = [np.stack([a, a, a]) if x == 0 else a for a, x in zip(args, axes, strict=True)]
    g = srcdiff.grad(p.function, argnums=p.wrt, jit=False)
    return srcdiff.batch(g, in_axes=axes), tuple(many)


def _leaf(value: Any) -> Any:
    return value if isinstance(value, float | np.ndarray) else None


def _semiring(p: Program, kind: str) -> Call:
    further: dict[str, Any] = {"k": 3} if kind == "kbest" else {}
    made = srcdiff.transform(
        p.function, "semiring", semiring=kind, argnums=p.wrt, jit=False, **further
    )
    return made, p.arguments()


def _kernel(p: Program, form: str) -> None:
    getattr(srcdiff.cuda, form.partition(" ")[0])(p.function).source_for(*p.arguments())


def _script(p: Program) -> None:
    """The derivatives of a script; its output is ignored, and it gets no arguments."""
    argv, sys.argv = sys.argv, [p.name]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            p.function()
    finally:
        sys.argv = argv


_SEMIRINGS = ("max", "count", "kbest", "entropy", "max_marginals", "argmax")
FORMS: Mapping[str, Callable[[Program], Call]] = {
    "reverse": _reverse,
    "forward": _forward,
    "second order": _second_order,
    "jacobian by columns": partial(_jacobian, mode="forward"),
    "hessian": _hessian,
    "batch": _batch,
    **{kind: partial(_semiring, kind=kind) for kind in _SEMIRINGS},
}
_OTHERS: Mapping[str, Callable[[Program], None]] = {
    "adjoint kernel": partial(_kernel, form="adjoint"),
    "tangent kernel": partial(_kernel, form="tangent"),
    "script": _script,
}


def generated(program: Program, form: str) -> str:
    """The text of one form of a derivative, in NumPy and as loops; its passes are validated if that is switched on.

    Raises
    ------
    ValidationError
        Where a pass changes a value.
    AssertionError
        Where the program is refused for a defect of srcdiff.
    """
    try:
        text = _generated(program, form)
    except srcdiff.DifferentiationError as error:
        if DEFECT in str(error):
            raise AssertionError(str(error)) from error
        raise
    assert DEFECT not in text, text[text.index(DEFECT) :]
    return text


DEFECT = "a defect of srcdiff"  # in the message of a refusal


def _generated(program: Program, form: str) -> str:
    if form in _OTHERS:
        _OTHERS[form](program)
        return ""
    handle, args = FORMS[form](program)
    shared: dict[Any, Any] = {}
    arguments = handle.signature.bind(args, {}, frozenset())
    made = build(handle.derived, arguments, shared=shared)
    if made.dynamic:
        return made.source
    if made.static:
        arguments = handle.signature.bind(args, {}, made.static)
    looped = build_loops(handle.derived, arguments, shared=shared)
    return f"{made.source}\n{looped.source or looped.refused}"


# ---- programs ------------------------------------------------------------------------------------------------------


def corpus() -> Iterator[Program]:
    from corpus_loader import load  # of the tests

    for p in load("all"):
        yield Program(f"corpus/{p.name}", p.function, p.wrt, partial(p.arguments, 0))


def benchmarks() -> Iterator[Program]:
    for path in sorted((ROOT / "benchmarks" / "problems").glob("[a-z]*.py")):
        problem = importlib.import_module(f"benchmarks.problems.{path.stem}")
        for form in ("objective", "loops"):
            if not hasattr(problem, form) or hasattr(problem, "MODES"):
                continue
            wrt = problem.WRT if isinstance(problem.WRT, tuple) else (problem.WRT,)
            make = partial(problem.make, **problem.SMALL)
            yield Program(f"benchmarks/{path.stem}.{form}", getattr(problem, form), wrt, make)


def kernels() -> Iterator[Program]:
    for module in ("user_kernels", "block_kernels"):  # of the tests
        for case in importlib.import_module(module).CASES:
            make = partial(case.arguments, np.random.default_rng(3), np.float64)
            name = f"{module}/{case.kernel.__name__}"
            yield Program(name, case.kernel, (), make, ("adjoint kernel", "tangent kernel"))


def examples() -> Iterator[Program]:
    for path in sorted((ROOT / "examples").glob("*.py")):
        run = partial(runpy.run_path, str(path), run_name="__main__")
        yield Program(f"examples/{path.stem}", run, (), tuple, ("script",))


def documents() -> Iterator[Program]:
    from documentation.docs_tools import DOCUMENTS  # of the tests

    for path in DOCUMENTS:
        yield Program(f"docs/{path.stem}", partial(_run_document, path), (), tuple, ("script",))


def _run_document(path: Path) -> None:
    from documentation.docs_tools import Session, blocks  # of the tests

    session = Session(f"validated_{path.stem}")
    for block in blocks(path):
        if block.language == "python":
            outcome = session.run(block)
            if isinstance(outcome.error, ValidationError):
                raise outcome.error


def random(count: int, seed: int = 0) -> Iterator[Program]:
    from fuzz.generate import program  # of the tests

    yield from _drawn("random", program, range(seed, seed + count))


def nests(count: int, seed: int = 0) -> Iterator[Program]:
    from fuzz.loop_nests import nest  # of the tests

    yield from _drawn("nests", nest, range(seed, seed + count))


def _drawn(kind: str, draw: Callable[[int], Any], seeds: range) -> Iterator[Program]:
    from fuzz.compare import float_positions, function_of  # of the tests

    for k in seeds:
        p = draw(k)
        yield Program(
            f"{kind}/{k}",
            function_of(p.text, p.name),
            float_positions(p.args),
            partial(copy.deepcopy, p.args),
        )


def parts(tree: Any) -> list[Any]:
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def main() -> int:
    kinds = {f.__name__: f for f in (corpus, benchmarks, kernels, examples, documents)}
    kinds |= {"random": partial(random, 100), "nests": partial(nests, 50)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--form", choices=[*FORMS, *_OTHERS], action="append", help="all, where none is given"
    )
    parser.add_argument("--kind", choices=kinds, action="append", help="all, where none is given")
    parser.add_argument("--only", default="", help="programs whose name has this in it")
    parser.add_argument("--seconds", type=float, default=np.inf, help="no program is begun later")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    started, counts = time.monotonic(), Counter[str]()
    for kind in options.kind or kinds:
        for program in kinds[kind]():
            for form in program.forms or FORMS:
                if options.only not in program.name or time.monotonic() - started > options.seconds:
                    continue
                if options.form and form not in options.form:
                    continue
                result, text = _tried(program, form)
                counts[result] += 1
                if text and not (result == "refused" and form in _SEMIRINGS):
                    print(f"{program.name}, {form}: {result}: {text}", flush=True)
    print(REPORT)
    print(", ".join(f"{n} {name}" for name, n in counts.most_common()))
    return int(counts["different"] + counts["failed"] > 0)


def _tried(program: Program, form: str) -> tuple[str, str]:
    """What came of a program in a form, and the message."""
    try:
        with np.errstate(all="ignore"):
            generated(program, form)
    except ValidationError as error:
        return "different", str(error).split("\nbefore:")[0]
    except (srcdiff.DifferentiationError, SystemExit) as error:
        return "refused", str(error)
    except Exception as error:  # a defect of the compiler or of the program: the run goes on
        return "failed", f"{type(error).__name__}: {error}"
    return "validated", ""


if __name__ == "__main__":
    sys.exit(main())
