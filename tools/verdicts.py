"""What became of planted defects: results that are kept, the table of packages, and the list of survivors.

What the runs show of a survivor is written by the tool, and so is the reason where only a test of a type is dropped.
Other reasons are written by hand in `tools/survivors.toml`, by file, function and change, since lines move.
"""

from __future__ import annotations

import ast
import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from tools.planted_defects import ROOT, Defect, defects_of_code

REASONS = ROOT / "tools" / "survivors.toml"
NETS = ("tests", "validation", "gradient", "error", "time")
STATES = ("survived, text differs", "survived, text equal", "not reached")


@dataclass
class Verdict:
    """What became of one defect."""

    defect: Defect
    caught_by: str = ""  # one of `NETS`; empty: it survived
    by: str = ""
    reached: bool = False
    tests: int = 0  # those that ran and passed
    programs: int = 0
    differing: int = 0  # programs whose text is another one
    left: int = 0  # tests and programs that execute the line, and were not run
    value: str = ""  # "same" or "differs": the changed expression's value, in the right compiler

    @property
    def state(self) -> str:
        if self.caught_by:
            return f"caught by {self.caught_by}"
        if not self.reached:
            return "not reached"
        return "survived, text differs" if self.differing else "survived, text equal"

    def reason(self) -> str:
        """Why it survived, where the change itself shows it."""
        dropped = dropped_test(self.defect)
        is_of_type = dropped.startswith("isinstance(") or dropped.endswith(
            (" is None", " is not None")
        )
        if is_of_type and self.reached and self.value != "differs":
            return "drops a test of a type, whose other side does not occur"
        return ""

    def evidence(self) -> str:
        """What the runs show of a survivor."""
        runs = f"tests: {self.tests}, programs: {self.programs}"
        if not self.reached:
            found = f"none of what ran executes it ({runs})"
            return found if self.tests + self.programs else "nothing executes the line"
        if self.value == "same":
            found = f"the value is the right one in all runs ({runs})"
        elif self.differing:
            found = f"{self.differing} of {self.programs} texts differ, all values are validated"
            found += f"; tests: {self.tests}"
        else:
            known = "the value differs, " if self.value else ""
            equal = "all texts are equal" if self.programs else "no program executes it"
            found = f"{known}{equal} ({runs})"
        return found + (f"; {self.left} others not run" if self.left else "")


def dropped_test(defect: Defect) -> str:
    """The part of a condition that the defect leaves out; empty for other changes."""
    whole = ast.parse(defect.old or "0", mode="eval").body
    parts = whole.values if isinstance(whole, ast.BoolOp) else []
    for k, part in enumerate(parts):
        kept = [v for j, v in enumerate(parts) if j != k]
        left = kept[0] if len(kept) == 1 else ast.BoolOp(whole.op, kept)  # type: ignore[attr-defined]
        if ast.unparse(left) == defect.new:
            return ast.unparse(part)
    return ""


def saved(verdict: Verdict) -> str:
    return json.dumps(asdict(verdict))


def results(file: Path | None) -> dict[Defect, Verdict]:
    """The verdicts of earlier runs, one a line; the last one of each defect counts. Lines may have moved since."""
    if file is None or not file.exists():
        return {}
    found = [json.loads(line) for line in file.read_text().splitlines()]
    verdicts = [Verdict(**{**v, "defect": Defect(**v["defect"])}) for v in found]
    there = [(moved(v.defect), v) for v in verdicts]
    return {d: replace(v, defect=d) for d, v in there if d}


def moved(defect: Defect) -> Defect | None:
    """The defect at the place where its expression stands now; None where the code is gone."""
    same = [defect] if defect.field else _by_key(defect.path).get(defect.key, [])
    return min(same, key=lambda d: abs(d.line - defect.line), default=None)


@cache
def _by_key(path: str) -> dict[tuple[str, str, str], list[Defect]]:
    found: dict[tuple[str, str, str], list[Defect]] = defaultdict(list)
    if (ROOT / path).exists():
        for defect in defects_of_code(ROOT / path):
            found[defect.key].append(defect)
    return found


def package(verdict: Verdict) -> str:
    return "/".join(verdict.defect.path.split("/")[1:3]).removesuffix(".py")


def table(verdicts: Collection[Verdict]) -> str:
    """By package: how many defects were planted, caught by each net, survived, not reached."""
    rows = [("package", "planted", *NETS, *STATES)]
    packages = defaultdict(list)
    for v in verdicts:
        packages[package(v)].append(v)
    for name, found in [*sorted(packages.items()), ("all", [*verdicts])]:
        counts = Counter(v.caught_by or v.state for v in found)
        rows.append((name, str(len(found)), *(str(counts[n]) for n in (*NETS, *STATES))))
    return as_table(rows)


def as_table(rows: Iterable[tuple[str, ...]]) -> str:
    head, *rest = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, tuple("---" for _ in head), *rest))


def reasons() -> dict[tuple[str, str, str], str]:
    """The reasons that were written by hand, by file, function and change."""
    found = tomllib.loads(REASONS.read_text())
    return {
        (f"srcdiff/{path}", *where.split(": ", 1)): reason
        for path, of_file in found.items()
        for where, reason in of_file.items()
    }


def survivors(verdicts: Collection[Verdict]) -> str:
    """The defects that nothing noticed, with what the runs show of each, and why that is so."""
    known = reasons()
    left = [v for v in verdicts if not v.caught_by]
    lines = [
        "# Planted defects that survived",
        "",
        "`tools/mutate.py --results FILE --survivors` writes this page: the defects of the last run that no test, no",
        "program and no validation noticed ([testing.md](testing.md#planted-defects)). The reasons stand in",
        "`tools/survivors.toml`.",
        "",
        f"Of {len(verdicts)} defects {len(left)} survived, and {sum(v.reached for v in left)} of these were executed.",
    ]
    packages = defaultdict(list)
    for v in sorted(left, key=lambda v: (v.defect.path, v.defect.line, v.defect.change)):
        packages[package(v)].append(v)
    for name, found in packages.items():
        rows = [("place", "change", "what the runs show", "reason")]
        for v in found:
            d = v.defect
            place = f"`{d.path.removeprefix('srcdiff/')}:{d.line}` `{d.function}`"
            change = f"`{d.change}`".replace("|", "\\|")
            rows.append((place, change, v.evidence(), known.get(d.key) or v.reason()))
        lines += ["", f"## {name}", "", as_table(rows)]
    return "\n".join(lines)
