"""Compares each pass with the reference evaluator on the programs of the corpus: `python tools/validate.py --help`."""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

os.environ["SRCDIFF_VALIDATE"] = "1"
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import numpy as np
from corpus_loader import Program, load

import srcdiff
from srcdiff.compile.build import build, build_loops
from srcdiff.compile.pytree import map_leaves, random_like
from srcdiff.transforms.validation.validate import REPORT, ValidationError

FORMS = ("reverse", "loops", "forward", "second order")


def validate(program: Program, form: str) -> None:
    """Generate one form of a derivative for the first example, each pass validated.

    Raises
    ------
    ValidationError
        Where a pass changes a value.
    """
    args, rng = program.arguments(0), np.random.default_rng(0)
    if form == "forward":
        floats = [random_like(a, rng) if k in program.wrt else None for k, a in enumerate(args)]
        none = [map_leaves(lambda _: None, a) for a in args]
        srcdiff.jvp(
            program.function,
            args,
            [n if f is None else f for f, n in zip(floats, none, strict=True)],
        )
        return
    if form == "second order":
        v: Any = tuple(random_like(args[k], rng) for k in program.wrt)
        srcdiff.hvp(program.function, argnums=program.wrt, jit=False).source_for(*args, v)
        return
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt, jit=False)
    arguments, shared = g.signature.bind(args, {}, frozenset()), dict[Any, Any]()
    made = build(g.derived, arguments, shared=shared)
    if form == "loops" and not made.dynamic:
        arguments = g.signature.bind(args, {}, made.static)
        build_loops(g.derived, arguments, shared={"examples": shared["examples"]})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--form", choices=FORMS, action="append", help="all, where none is given")
    parser.add_argument("--only", default="", help="programs whose name has this in it")
    parser.add_argument("--seconds", type=float, default=np.inf, help="no program is begun later")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    started, differences, refused = time.monotonic(), 0, 0
    for program in load("all"):
        for form in options.form or FORMS:
            if options.only not in program.name or time.monotonic() - started > options.seconds:
                continue
            try:
                with np.errstate(all="ignore"):
                    validate(program, form)
            except ValidationError as error:
                differences += 1
                print(
                    f"{program.name}, {form}: {str(error).split(chr(10) + 'before:')[0]}",
                    flush=True,
                )
            except srcdiff.DifferentiationError as error:
                refused += 1
                print(f"{program.name}, {form}: {error}", flush=True)
    print(f"{REPORT}\n{differences} differences, {refused} refused")
    return int(differences > 0)


if __name__ == "__main__":
    sys.exit(main())
