"""Plants one defect at a time in the passes and operations, and counts which of them tests and validation catch.

    python tools/mutate.py --count 300 --seconds 3600          # a few minutes of one core for every hundred defects
    python tools/mutate.py --module srcdiff/transforms/simplify --count 20 --seed 1

Everything is loaded once; each defect is planted in a forked process, into the functions in memory. There the tests
run first: for an operation its samples, for a pass the tests of its own file and of files that import it. Then run
programs that execute its place, each pass validated, and their gradients are compared with those of the right
compiler. Which program executes which line is measured once and kept (`--reach`).
"""

from __future__ import annotations

import argparse
import copy
import faulthandler
import os
import pickle
import resource
import select
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
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
from _pytest.runner import runtestprotocol  # noqa: E402

from srcdiff.errors import UnsupportedError  # noqa: E402
from tools import validate  # noqa: E402
from tools.planted_defects import (  # noqa: E402
    Defect,
    defects_of_code,
    defects_of_declarations,
    plant,
)

PLACES = ("srcdiff/transforms", "srcdiff/ops")
LEFT_OUT = (
    "validation",
    "library",
    "samples.py",
)  # the net itself; programs that are read; how samples are drawn
OF_OPERATIONS = "tests/ops/test_rules.py"  # cases by operation
TESTS = ("tests/transforms", OF_OPERATIONS)
LONGEST = 30  # seconds of processor time of one forked process; what takes longer hangs
TRACED = 20  # calls of a function that are traced line by line in one run
SECONDS_OF_TESTS, SECONDS_OF_PROGRAMS = (
    3.0,
    2.0,
)  # for one defect; those of programs as measured without it

Line = tuple[str, int]


@dataclass
class Run:
    """One program as it was measured: its seconds, the lines it executed, the functions whose text it read."""

    seconds: float
    lines: frozenset[Line] = frozenset()
    read: frozenset[Line] = frozenset()  # first lines
    text: str = ""
    gradient: Any = None


@dataclass
class Verdict:
    """What became of one defect."""

    defect: Defect
    caught_by: str = ""  # "tests", "validation", "gradient", "error" or "time"; empty: it survived
    by: str = ""
    reached: bool = False
    differs: bool = False  # a program's text is another one

    @property
    def state(self) -> str:
        if self.caught_by:
            return f"caught by {self.caught_by}"
        if not self.reached:
            return "not reached"
        return "survived, text differs" if self.differs else "survived, text equal"


# ---- forked processes ----------------------------------------------------------------------------------------------


def forked(work: Callable[[], Any], seconds: int = LONGEST) -> Any:
    """What `work` returns in a forked process; None where it takes too long or dies."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        try:
            with open(writing, "wb") as pipe:
                pickle.dump(work(), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    parts, end = [], time.monotonic() + 20 * seconds  # where it waits, or others use the processor
    while (left := end - time.monotonic()) > 0 and select.select([reading], [], [], left)[0]:
        part = os.read(reading, 1 << 20)
        if not part:
            break
        parts.append(part)
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        return pickle.loads(b"".join(parts))
    except (EOFError, pickle.UnpicklingError):
        return None


class Tracer:
    """Which lines of passes and operations a run executes, and which functions of theirs are read as text."""

    def __init__(self) -> None:
        self.lines: set[Line] = set()
        self.read: set[Line] = set()
        self.calls: Counter[Any] = Counter()

    def __call__(self, frame: Any, event: str, arg: Any) -> Any:
        code = frame.f_code
        if code.co_name in ("_lines_of", "findsource"):
            found = frame.f_locals.get("function", frame.f_locals.get("object"))
            code = getattr(found, "__code__", found)
            if hasattr(code, "co_firstlineno"):
                self.read.add((_relative(code.co_filename), code.co_firstlineno))
            return None
        if not _relative(code.co_filename).startswith(PLACES):
            return None
        self.calls[code] += 1
        return self.line if self.calls[code] <= TRACED else None

    def line(self, frame: Any, event: str, arg: Any) -> Any:
        if event == "line":
            self.lines.add((_relative(frame.f_code.co_filename), frame.f_lineno))
        return self.line


_PREFIX = len(str(ROOT)) + 1


def _relative(file: str) -> str:
    return file[_PREFIX:] if file.startswith(str(ROOT)) else ""


def measured(work: Callable[[], tuple[str, Any]]) -> Run | None:
    """A run of `work` in a forked process, traced."""

    def traced() -> Run:
        started = time.process_time()
        tracer = Tracer()
        sys.settrace(tracer)
        try:
            text, gradient = work()
        finally:
            sys.settrace(None)
        seconds = time.process_time() - started
        return Run(seconds, frozenset(tracer.lines), frozenset(tracer.read), text, gradient)

    return forked(traced, LONGEST // 2)


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
    reach: dict[str, Run] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # of the files of tests

    def measure(self) -> None:
        for name, (program, form) in self.programs.items():
            if name not in self.reach:
                run = measured(lambda p=program, f=form: run_program(p, f))
                self.reach[name] = run or Run(np.inf)  # refused, or too long: it shows no defect
                print(f"{self.reach[name].seconds:6.1f} s {name}", flush=True)

    def is_text(self, defect: Defect) -> bool:
        """Whether the function is one whose text is read: a rule, or a function of the library."""
        return any((defect.path, defect.first) in run.read for run in self.reach.values())

    def executing(self, defect: Defect) -> list[str]:
        """Programs that execute the place of a defect, the quickest first, as many as there is time for."""
        places = {(defect.path, k) for k in range(defect.line, defect.end_line + 1)}
        first = {(defect.path, defect.first)}
        found = [
            name
            for name, run in self.reach.items()
            if not (places.isdisjoint(run.lines) and first.isdisjoint(run.read))
        ]
        found.sort(key=lambda name: self.reach[name].seconds)
        costs = np.cumsum([self.reach[name].seconds for name in found])
        return found[: max(2, int(np.sum(costs < SECONDS_OF_PROGRAMS)))]

    def tests_of(self, defect: Defect) -> list[str]:
        """The samples of the operation that the function belongs to, and tests of the module."""
        names = {defect.function} if defect.field else operations_at(defect.path, defect.first)
        samples = [
            name
            for name in self.items
            if name.startswith(OF_OPERATIONS)
            and name.partition("[")[2].rstrip("]").partition("-")[0] in names
        ]
        module = defect.path.removesuffix(".py")
        files = [f for f, text in self.texts.items() if f" {module.replace('/', '.')} " in text]
        files.sort(key=lambda f: not f.endswith(f"test_{Path(module).name}.py"))
        return [*samples, *(n for f in files for n in self.items if n.startswith(f"{f}::"))]


def operations_at(path: str, first: int) -> set[str]:
    """The operations that a function is declared with; none where many are."""
    from dataclasses import fields

    from srcdiff.ops.core.registry import OPERATIONS

    found = set()
    for decl in OPERATIONS.values():
        for f in fields(decl):
            code = getattr(getattr(decl, f.name), "__code__", None)
            if code and (_relative(code.co_filename), code.co_firstlineno) == (path, first):
                found.add(decl.name)
    return found if len(found) <= 5 else set()


def tried(session: Session, defect: Defect) -> Verdict:
    """Plant a defect in this process, and run what executes its place until something notices."""
    verdict = Verdict(defect)
    is_text = session.is_text(defect)
    tests, programs = session.tests_of(defect), session.executing(defect)
    flag = plant(defect, is_text)
    verdict.reached = bool(is_text or defect.field) and bool(tests or programs)
    end = time.process_time() + SECONDS_OF_TESTS
    for name in tests:
        if time.process_time() > end:
            break
        passed = run_test(session.items[name])
        verdict.reached |= flag.reached
        if not passed:
            verdict.caught_by, verdict.by = "tests", name
            return verdict
    os.environ["SRCDIFF_VALIDATE"] = "1"
    for name in programs:
        before = session.reach[name]
        try:
            text, gradient = run_program(*session.programs[name])
        except validate.ValidationError:
            verdict.caught_by = "validation"
        except Exception:
            verdict.caught_by = "error"
        else:
            verdict.differs |= text != before.text
            if is_far(gradient, before.gradient):
                verdict.caught_by = "gradient"
        verdict.reached |= flag.reached
        if verdict.caught_by:
            verdict.by = name
            return verdict
    return verdict


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
        self.verdicts: list[Verdict] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        faulthandler.disable()
        items = {i.nodeid: i for i in session.items}
        kinds = [*validate.corpus()][:: self.options.every]
        kinds += validate.random(self.options.random)
        forms = ["reverse"] * 3 + [
            "forward",
            "second order",
            "hessian",
            "batch",
            "jacobian by columns",
        ]
        programs = {}
        for k, p in enumerate(kinds):
            programs[f"{p.name}, reverse"] = (p, "reverse")
            programs[f"{p.name}, {forms[k % 8]}"] = (p, forms[k % 8])
        made = Session(items, programs, self._kept())
        made.texts = {f: (ROOT / f).read_text() for f in {n.partition("::")[0] for n in items}}
        made.measure()
        self.options.reach.write_bytes(pickle.dumps(made.reach))
        started = time.monotonic()
        for defect in sampled(self.options):
            if len(self.verdicts) >= self.options.count:
                break
            if time.monotonic() - started > self.options.seconds:
                break
            self._one(made, defect)
        return True

    def _kept(self) -> dict[str, Run]:
        file = self.options.reach
        return pickle.loads(file.read_bytes()) if file.exists() else {}

    def _one(self, session: Session, defect: Defect) -> None:
        def work() -> Verdict | str:
            try:
                return tried(session, defect)
            except ValueError as error:  # cannot be planted
                return str(error)

        verdict = forked(work)
        if isinstance(verdict, str):
            return
        verdict = verdict or Verdict(defect, "time", reached=True)
        self.verdicts.append(verdict)
        print(f"{verdict.state:24} {defect} {verdict.by}", flush=True)


def table(verdicts: Sequence[Verdict]) -> str:
    """By package: how many defects were planted, caught by each net, survived, not reached."""
    nets = ("tests", "validation", "gradient", "error", "time")
    states = ("survived, text differs", "survived, text equal", "not reached")
    head = ("package", "planted", *nets, *states)
    rows = [head, tuple("---" for _ in head)]
    packages = defaultdict(list)
    for v in verdicts:
        packages["/".join(v.defect.path.split("/")[1:3]).removesuffix(".py")].append(v)
    for name, found in [*sorted(packages.items()), ("all", [*verdicts])]:
        counts = Counter(v.caught_by or v.state for v in found)
        rows.append((name, str(len(found)), *(str(counts[n]) for n in (*nets, *states))))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--module", default="srcdiff", help="a file or folder of the package")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--every", type=int, default=6, help="one program in so many of the corpus")
    parser.add_argument("--random", type=int, default=6, help="generated programs beside these")
    parser.add_argument(
        "--reach", type=Path, default=Path(tempfile.gettempdir(), "srcdiff-reach.pickle")
    )
    options = parser.parse_args()
    os.environ["SRCDIFF_VALIDATE"] = "0"
    os.environ["SRCDIFF_VERIFY"] = "1"
    mutation = Mutation(options)
    arguments = ["-q", "-s", "-n", "0", "-p", "no:cacheprovider", "--suite=full", *TESTS]
    pytest.main(arguments, plugins=[mutation])
    print(table(mutation.verdicts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
