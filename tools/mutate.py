"""Plants one defect at a time in the passes and operations, and counts which of them tests and validation catch.

    python tools/mutate.py --count 300 --seconds 3600 --results found.txt     # goes on where an earlier run ended
    python tools/mutate.py --module srcdiff/transforms/simplify --count 20 --seed 1
    python tools/mutate.py --module srcdiff/transforms/linalg --tests tests/transforms/linalg --cases 20 --every 8
    python tools/mutate.py --results found.txt --table
    python tools/mutate.py --results found.txt --survivors > docs/survivors.md

Everything is loaded once; each defect is planted in a forked process, into the functions in memory. For an operation
its samples run first. Then run tests and programs that execute the changed line, the quickest first, until one notices
or the time is over. A program's texts and gradients are compared with those of the right compiler; where the text
differs, each pass is validated. Which test and program executes which line is measured once and kept (`--reach`).
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import faulthandler
import gc
import importlib
import os
import pickle
import signal
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:1] = [
    str(ROOT),
    str(ROOT / "tests"),
]  # without tools/, where fuzz.py would hide tests/fuzz
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import suites  # noqa: E402
from _pytest.runner import runtestprotocol  # noqa: E402

from srcdiff.errors import UnsupportedError  # noqa: E402
from tools import validate  # noqa: E402
from tools.planted_defects import (  # noqa: E402
    BESIDE,
    COMPARED,
    PLAIN,
    Defect,
    defects_of_code,
    defects_of_declarations,
    loaded_functions,
    plant,
)
from tools.reach import LONGEST, PLACES, Line, Reach, forked, relative  # noqa: E402
from tools.verdicts import Verdict, results, saved, survivors, table  # noqa: E402

LEFT_OUT = (
    "validation",
    "library",
    "samples.py",
)  # the net itself; programs that are read; how samples are drawn
OF_OPERATIONS = (  # cases by operation
    "tests/ops/loopforms/test_element_maps.py",
    "tests/ops/test_rules.py",
    "tests/ops/test_claims.py",
    "tests/ops/test_complex.py",
)
COMPILED = "tests/ops/loopforms/test_element_maps.py::test_compiled_loop_form_gives_what_the_operation_gives"
TESTS = (
    "tests/transforms",
    "tests/ops",
    "tests/rewriting",
    "tests/cuda",
    "tests/expfam",
)  # a sample of these
FORMS = ("reverse", "forward", "second order", "hessian", "batch", "jacobian by columns")
SECONDS = 8.0  # of tests and programs that are run for one defect
SAVED = 30  # seconds between two copies of what was measured


# ---- what is run ---------------------------------------------------------------------------------------------------


def run_program(program: validate.Program, form: str) -> tuple[str, Any]:
    """The texts of a form of a program, and the results of the text in NumPy, flat."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        handle, args = validate.FORMS[form](program)
        text, results = handle.source_for(*args), validate.parts(handle(*copy.deepcopy(args)))
        try:
            loops = handle.loop_source_for(*args)
        except UnsupportedError as error:
            loops = error.message
        return f"{text}\n{loops}", [np.asarray(x) for x in results]


def run_test(item: pytest.Item) -> bool:
    """Whether a test passes."""
    return not any(r.failed for r in runtestprotocol(item, log=False, nextitem=None))


def is_far(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    for a, b in zip(found, expected, strict=False):
        if b.dtype.kind in "fc" and not np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True):
            return True
    return len(found) != len(expected)


@dataclass
class Session:
    """Tests and programs, and what was measured of them."""

    items: dict[str, pytest.Item]
    programs: dict[str, tuple[validate.Program, str]]
    reach: Reach
    functions: dict[Any, list[Any]]  # those in memory, by code

    def measure(self, file: Path, seconds: float) -> None:
        """Run once what has not been: programs, and the tests that may be chosen, in a mixed order."""
        runs = {name: partial(run_program, *made) for name, made in self.programs.items()}
        runs |= {n: partial(_checked, i) for n, i in self.items.items() if not is_of_operation(n)}
        names = [*runs]
        kept = started = time.monotonic()
        for k in np.random.default_rng(0).permutation(len(names)):
            if time.monotonic() > started + seconds:
                break
            if (name := names[k]) not in self.reach.runs:
                run = self.reach.measure(name, runs[name])
                print(f"{run.seconds:6.1f} s {name}", flush=True)
            if time.monotonic() > kept + SAVED:
                file.write_bytes(pickle.dumps(self.reach))
                kept = time.monotonic()
        file.write_bytes(pickle.dumps(self.reach))

    def is_text(self, defect: Defect) -> bool:
        """Whether the function is one whose text is read: a rule, or a function of the library."""
        place = defect.path, defect.first
        return place in self.reach.reading or place in rules()

    def samples_of(self, defect: Defect) -> list[str]:
        """The samples of the operation that the function belongs to."""
        names = {defect.function} if defect.field else operations_at(defect.path, defect.first)
        return [n for n in self.items if is_of_operation(n) and operation_of(n) in names]

    def runs_of(self, defect: Defect) -> list[str]:
        """What executes the changed line: its own tests (measured or not), others, programs in turn, quickest first."""
        bits = self.reach.reading.get((defect.path, defect.first), 0)
        for k in range(defect.line, defect.end_line + 1):
            bits |= self.reach.executing.get((defect.path, k), 0)
        own = f"/test_{Path(defect.path).stem}.py::"
        measured = [n for n in self.reach.names(bits) if n in self.items or n in self.programs]
        others = [n for n in self.items if own in n and n not in self.reach.runs]
        kinds: dict[int, list[str]] = defaultdict(list)
        for name in [*sorted(measured, key=lambda n: self.reach.runs[n].seconds), *others]:
            kinds[0 if own in name else 1 if name in self.items else 2].append(name)
        ranks = {n: (k, kind) for kind, names in kinds.items() for k, n in enumerate(names)}
        return sorted(ranks, key=lambda n: ranks[n])


def _checked(item: pytest.Item) -> tuple[str, Any]:
    if not run_test(item):
        raise ValueError("it fails without a defect")
    return "", None


def is_of_operation(test: str) -> bool:
    return test.startswith(OF_OPERATIONS)


@cache
def rules() -> set[Line]:
    """The places of derivative rules and expansions, which the frontend reads as text."""
    from srcdiff.ops.core.registry import OPERATIONS

    found = (f for d in OPERATIONS.values() for f in (d.rule, d.forward, d.expansion))
    return {(relative(f.__code__.co_filename), f.__code__.co_firstlineno) for f in found if f}


def operation_of(test: str) -> str:
    """The operation that is in the name of a case."""
    return test.partition("[")[2].rstrip("]").partition("-")[0]


def operations_at(path: str, first: int) -> set[str]:
    """The operations that a function is declared with; where it is none of one, or of many, those of its module."""
    from srcdiff.ops.core.registry import OPERATIONS

    places: dict[Line, set[str]] = defaultdict(set)
    for decl in OPERATIONS.values():
        for f in fields(decl):
            if code := getattr(getattr(decl, f.name), "__code__", None):
                places[relative(code.co_filename), code.co_firstlineno].add(decl.name)
    own = places[path, first]
    if 1 <= len(own) <= 5:
        return own
    return {name for (file, _), names in places.items() if file == path for name in names}


def tried(session: Session, defect: Defect, seconds: float) -> Verdict:
    """Plant a defect in this process, and run what executes its place until something notices."""
    verdict = Verdict(defect)
    is_text = session.is_text(defect)
    names = [*session.samples_of(defect), *session.runs_of(defect)]
    flag = plant(defect, PLAIN if is_text else BESIDE, session.functions)
    verdict.reached = bool(is_text or defect.field) and bool(names)
    end = time.process_time() + seconds
    for k, name in enumerate(names):
        if time.process_time() > end:
            verdict.left = len(names) - k
            break
        if name in session.programs:
            verdict.caught_by = _of_program(session, name, verdict)
            verdict.programs += 1
        else:
            verdict.caught_by = "" if run_test(session.items[name]) else "tests"
            verdict.tests += 1
        verdict.reached |= flag.reached
        if verdict.caught_by:
            verdict.by = name
            break
    return verdict


def compared(session: Session, defect: Defect, seconds: float) -> str:
    """Whether the changed expression has another value than the original, in the right compiler."""
    flag = plant(defect, COMPARED, session.functions)
    end = time.process_time() + seconds
    for name in [*session.samples_of(defect), *session.runs_of(defect)]:
        if name in session.programs:
            with contextlib.suppress(Exception):
                run_program(*session.programs[name])
        else:
            run_test(session.items[name])
        if flag.differs or time.process_time() > end:
            break
    return "differs" if flag.differs else "same"


def _of_program(session: Session, name: str, verdict: Verdict) -> str:
    """What notices the defect in a program; empty: nothing. Passes are validated where the text differs."""
    before = session.reach.runs[name]
    try:
        text, gradient = run_program(*session.programs[name])
        if text == before.text:
            return ""
        verdict.differing += 1
        if is_far(gradient, before.gradient):
            return "gradient"
        os.environ["SRCDIFF_VALIDATE"] = "1"
        run_program(*session.programs[name])
    except validate.ValidationError:
        return "validation"
    except Exception:
        return "error"
    finally:
        os.environ["SRCDIFF_VALIDATE"] = "0"
    return ""


# ---- the loop over defects -----------------------------------------------------------------------------------------


def sampled(options: argparse.Namespace) -> Iterator[Defect]:
    """Defects in a seeded order, one of each module in turn, so that any beginning of it is spread evenly."""
    rng = np.random.default_rng(options.seed)
    by_module: dict[str, list[Defect]] = defaultdict(list)
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*.py")):
            if not {*LEFT_OUT} & {*path.parts}:
                by_module[str(path.relative_to(ROOT))] += defects_of_code(path)
    for defect in defects_of_declarations():
        if defect.path in by_module:
            by_module[defect.path].append(defect)
    chosen = {m: d for m, d in by_module.items() if d and m.startswith(options.module)}
    orders = {m: list(rng.permutation(len(d))) for m, d in chosen.items()}
    while any(orders.values()):
        for module in rng.permutation(sorted(m for m, order in orders.items() if order)):
            yield chosen[module][orders[module].pop()]


class Mutation:
    """The plugin that takes the place of pytest's own loop over tests."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.verdicts = results(options.results)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        faulthandler.disable()
        os.environ["SRCDIFF_CACHE"] = "off"  # no process sees texts of another
        samples = [i for i in session.items if is_of_operation(i.nodeid)]
        chosen = suites.sampled(session.items, self.options.cases)
        items = {i.nodeid: i for i in (*chosen, *samples)}
        import_all()
        made = Session(items, self._programs(), self._kept(), loaded_functions())
        gc.collect()
        gc.freeze()  # forked processes share the pages
        made.measure(self.options.reach, self.options.measure)
        started, again = time.monotonic(), self.options.again
        earlier = {d for d, v in self.verdicts.items() if v.caught_by or not again}
        count = 0
        for defect in sampled(self.options):
            if count >= self.options.count or time.monotonic() - started > self.options.seconds:
                break
            if defect not in earlier:
                count += self._one(made, defect)
        return True

    def _programs(self) -> dict[str, tuple[validate.Program, str]]:
        kinds = [*validate.corpus()][:: self.options.every]
        kinds += [*validate.random(self.options.random), *validate.nests(self.options.random // 2)]
        forms = [(p, "reverse" if k % 3 == 0 else FORMS[k % 6]) for k, p in enumerate(kinds)]
        return {f"{p.name}, {form}": (p, form) for p, form in forms}

    def _kept(self) -> Reach:
        file = self.options.reach
        return pickle.loads(file.read_bytes()) if file.exists() else Reach()

    def _one(self, session: Session, defect: Defect) -> bool:
        each = self.options.each

        def work() -> Verdict | str:
            try:
                return tried(session, defect, each)
            except ValueError as error:  # cannot be planted
                return str(error)

        verdict = forked(work, LONGEST + int(each))
        if isinstance(verdict, str):
            return False
        verdict = verdict or Verdict(defect, "time", reached=True)
        is_comparable = defect.has_value and not session.is_text(defect)
        if is_comparable and verdict.reached and not verdict.caught_by:
            verdict.value = forked(lambda: compared(session, defect, each)) or ""
        self.verdicts[defect] = verdict
        print(f"{verdict.state:24} {defect} {verdict.by or verdict.evidence()}", flush=True)
        if self.options.results:
            with self.options.results.open("a") as file:
                file.write(f"{saved(verdict)}\n")
        return True


def import_all() -> None:
    """All modules of passes and operations, so that defects can be planted in them."""
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*.py")):
            name = str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
            importlib.import_module(name.removesuffix(".__init__"))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--module", default="srcdiff", help="a file or folder of the package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--each", type=float, default=SECONDS, help="seconds for one defect")
    parser.add_argument("--every", type=int, default=1, help="one program in so many of the corpus")
    parser.add_argument("--random", type=int, default=20, help="generated programs beside these")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="files and folders of tests")
    parser.add_argument("--cases", type=int, default=suites.CASES, help="of each test function")
    parser.add_argument("--results", type=Path, help="kept here, and added to by the next run")
    parser.add_argument("--again", action="store_true", help="try survivors of earlier runs, too")
    parser.add_argument("--table", action="store_true", help="of the results; nothing runs")
    parser.add_argument("--measure", type=float, default=3600.0, help="seconds for `--reach`")
    parser.add_argument("--survivors", action="store_true", help="the page of these; nothing runs")
    parser.add_argument(
        "--reach", type=Path, default=Path(tempfile.gettempdir(), "srcdiff-reach.pickle")
    )
    options = parser.parse_args()
    for is_wanted, form in ((options.table, table), (options.survivors, survivors)):
        if is_wanted:
            print(form(results(options.results).values()))
            return 0
    os.environ["SRCDIFF_VALIDATE"] = "0"
    os.environ["SRCDIFF_VERIFY"] = "1"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the table is printed all the same
    mutation = Mutation(options)
    arguments = ["-q", "-s", "-n", "0", "-p", "no:cacheprovider", f"--deselect={COMPILED}"]
    pytest.main([*arguments, "--suite=full", *options.tests], plugins=[mutation])
    print(table(mutation.verdicts.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
