"""Writes docs/coverage.md: what was measured of each function, on the samples that stand with it.

    python tools/coverage_table.py         measures all, and writes the table
    python tools/coverage_table.py NAME... measures these again, and those that are missing
    python tools/coverage_table.py --complex measures that column again, and rows that are missing
    python tools/coverage_table.py --why     asks again reason for `no`, where the table says no

Each entry is a run: value against the library, reverse mode against differences, forward mode against reverse mode, the
gradient's derivative against differences, float32, complex arguments, compiled code against NumPy, and whether a CUDA
device function of it can be generated.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special  # noqa: F401  (its functions are found by name)

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from ops import sample_programs as programs  # noqa: E402
from ops.named_calls import NAMED  # noqa: E402
from ops.sample_programs import Case, Declared  # noqa: E402

import srcdiff  # noqa: E402
from srcdiff.api import generated  # noqa: E402
from srcdiff.compile.arguments.pytree import leaves  # noqa: E402
from srcdiff.compile.derivations.kinds import Grad, Value  # noqa: E402
from srcdiff.cuda.device_program import build_device  # noqa: E402
from srcdiff.errors import UnsupportedError  # noqa: E402
from srcdiff.options import Options  # noqa: E402

TABLE = ROOT / "docs" / "coverage.md"
COLUMNS = ("value", "reverse", "forward", "second order", "float32", "complex", "Numba", "CUDA")
WHY = "reason for `no`"  # what the errors say
YES, NO, NONE, ZERO = "yes", "no", "–", "0"

HEAD = """# What is covered

`tools/coverage_table.py` writes this table. It runs the samples of each declaration; nothing is written by hand.

* `–`: there is nothing to differentiate, or the library takes no complex arguments; `0`: the derivative is zero; `no`:
  an error names the function and the argument, and the last column has its text.
* Numba: the compiled value and gradient are equal to NumPy's.
* CUDA: a device function of the gradient (or of the value, if there is no gradient) is generated; the routines of NumPy
  and SciPy for whole matrices have none.
* Complex: value, both modes and second order are right for complex arguments.
"""


def rows() -> dict[str, Declared]:
    """What there is to measure, by the names that users call it by."""
    found: dict[str, Declared] = {}
    for declared in (*programs.operations(), *programs.composites(), *NAMED):
        names = sorted({n for c in declared.callables for n in names_of(c)})
        if names and declared.samples:
            key = ", ".join(f"`{n}`" for n in names)
            given = getattr(declared, "given", ())
            spelled = [f"`{g}`" if "=" in g else f"`{g}=`" for g in given]
            if not given and getattr(declared, "ndim", None) is not None:
                at = declared.at if isinstance(declared.at, tuple) else (declared.at,)
                spelled = [f"an array as argument {' or '.join(str(k + 1) for k in at)}"]
            key += f" with {', '.join(spelled)}" if spelled else ""
            if not (key in found and getattr(declared, "of_complex", False)):  # a part of that row
                found[key] = declared
    return dict(sorted(found.items(), key=lambda item: item[0].casefold()))


def names_of(function: Any) -> Iterator[str]:
    """What a function of NumPy or SciPy is called; Python's own are not in the table."""
    if isinstance(function, str):
        yield function
        return
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        yield f"np.{owner.__name__}.{function.__name__}"
        return
    for module, prefix in ((np, "np"), (np.linalg, "np.linalg"), (np.fft, "np.fft")):
        for name, value in vars(module).items():
            if value is function and not name.startswith("_"):
                yield f"{prefix}.{name}"


def holds(check: Callable[..., None], *args: Any) -> str:
    try:
        programs.quietly(check, *args)
    except Exception:  # whatever it is, it is not covered
        return NO
    return YES


def measured(declared: Declared) -> dict[str, str]:
    """A row: by the first samples, one of them where the result is smooth."""
    found = programs.cases([declared])
    smooth = smooth_case(found)
    case = smooth or found[0]
    row = {
        "value": holds(programs.check_value, case),
        "float32": holds(programs.check_float32, case),
        "complex": complex_entry(found),
        "Numba": holds(programs.check_compiled, case),
        "CUDA": holds(check_device, case),
    }
    row |= derivatives(smooth)
    return row | {WHY: why(found, smooth, row)}


def why(found: list[Case], smooth: Case | None, row: dict[str, str]) -> str:
    """What the errors say, for each column without."""
    case = smooth or found[0]
    checks: dict[str, tuple[Callable[..., None], Case | None]] = {
        "second order": (programs.check_second, smooth),
        "complex": (check_complex, taking_complex(found)),
        "Numba": (programs.check_compiled, case),
        "CUDA": (check_device, case),
    }
    reasons = [f"{c}: {message(*checks[c])}" for c in COLUMNS if row[c] == NO]
    return "; ".join(reasons)


def message(check: Callable[..., None], case: Case | None) -> str:
    """The first line of an error, without the name of the program that was tried."""
    try:
        programs.quietly(check, case)
    except UnsupportedError as error:
        text = error.message.splitlines()[0].replace("|", "/")
        text = re.sub(r"^\w+ cannot be (a kernel|compiled): ", "", text)
        return re.sub(r"\s+def \w+\(.*$", "", text)  # Numba's messages go on with the program
    except Exception as error:
        return type(error).__name__
    return ""


def derivatives(smooth: Case | None) -> dict[str, str]:
    """The entries of both modes and of second order."""
    modes = {
        "reverse": programs.check_reverse,
        "forward": programs.check_forward,
        "second order": programs.check_second,
    }
    if smooth is None:
        return dict.fromkeys(modes, NONE)
    right = ZERO if is_flat(smooth) else YES
    found = {n: holds(check, smooth) for n, check in modes.items()}
    return {n: right if entry == YES else entry for n, entry in found.items()}


def is_flat(case: Case) -> bool:
    """Whether the derivative is zero."""
    loss = programs.scalar_program(case)
    options = {"argnums": case.sample.wrt, "jit": False, "on_independent": "ignore"}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = srcdiff.grad(loss, **options)(*case.values())
        except UnsupportedError:
            return False
    return not any(np.any(d) for d in leaves(found))


def smooth_case(found: list[Case]) -> Case | None:
    """The first sample with derivatives. Where tests look at values only, they are by all floats."""
    every = [c for c in found if c.is_smooth] or [*map(by_all, found)]
    first = next((c for c in every if c.is_smooth), None)
    return first if first is not None and has_derivative(first) else None


def by_all(case: Case) -> Case:
    floats = (k for k, v in enumerate(case.values()) if np.asarray(v).dtype.kind == "f")
    samples = [*case.decl.samples]
    samples[case.number] = replace(case.sample, wrt=tuple(floats))
    return replace(case, decl=replace(case.decl, samples=tuple(samples)))


def has_derivative(case: Case) -> bool:
    if not getattr(case.decl, "differentiable", True):
        return False
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = case.program(*case.values())
    parts = result if isinstance(result, tuple | list) else [result]
    return any(np.asarray(p).dtype.kind in "fc" for p in parts)


def complex_entry(found: list[Case]) -> str:
    """Whether value and derivatives are right for complex arguments, by the first sample that NumPy takes with them."""
    case = taking_complex(found)
    return NONE if case is None else holds(check_complex, case)


def taking_complex(found: list[Case]) -> Case | None:
    """The first sample that NumPy or SciPy takes with complex arguments."""
    return next(filter(takes_complex, (replace(c, is_complex=True) for c in found)), None)


def takes_complex(case: Case) -> bool:
    """Whether NumPy or SciPy gives a value of complex arguments."""
    values = [v.copy() if isinstance(v, np.ndarray) else v for v in case.values()]
    if not any(map(np.iscomplexobj, values)):
        return False
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            case.program(*values)
        except Exception:
            return False
    return True


def check_complex(case: Case) -> None:
    """Value and derivatives of complex arguments, in both modes and of second order."""
    programs.check_value(case)
    if case.is_smooth and has_derivative(case):
        programs.check_reverse(case)
        programs.check_forward(case)
        programs.check_second(case)


def check_device(case: Case) -> None:
    """A device function of the gradient, or of the value, is generated."""
    if case.is_smooth and has_derivative(case):
        options = Options(jit=False, on_independent="ignore")
        g = generated(Grad(), programs.scalar_program(case), options, case.sample.wrt)
    else:
        g = generated(Value(), case.program, Options(jit=False))
    static: frozenset[str] = frozenset()
    while True:  # until no further argument has to be known when compiling
        try:
            build_device(g.derived, g.signature.bind(case.values(), {}, static))
        except UnsupportedError as error:
            asked = re.search("value of the argument `(\\w+)` must be known", error.message)
            if asked is None or asked[1] in static:
                raise
            static |= {asked[1]}
            continue
        return


# ---- the table ---------------------------------------------------------------------------------------


def read_table() -> dict[str, dict[str, str]]:
    """The rows that stand in the file."""
    found: dict[str, dict[str, str]] = {}
    if TABLE.exists():
        for line in TABLE.read_text(encoding="utf-8").splitlines():
            name, *cells = (c.strip() for c in line.strip().strip("|").split("|"))
            if line.startswith("| `") and len(cells) == len(COLUMNS) + 1:
                found[name] = dict(zip((*COLUMNS, WHY), cells, strict=True))
    return found


def text_of(table: dict[str, dict[str, str]]) -> str:
    count = {c: sum(row[c] in (YES, ZERO) for row in table.values()) for c in COLUMNS}
    counts = ", ".join(f"{c} {count[c]}" for c in COLUMNS)
    every = (*COLUMNS, WHY)
    lines = [HEAD, f"{len(table)} rows: {counts}.", "", f"| function | {' | '.join(every)} |"]
    lines.append("|---" * (len(every) + 1) + "|")
    lines += [f"| {name} | {' | '.join(row[c] for c in every)} |" for name, row in table.items()]
    return "\n".join(lines) + "\n"


def main(wanted: list[str]) -> None:
    table = read_table()
    known = {name: table[name] for name in rows() if name in table}
    for name, declared in rows().items():
        if wanted == ["--complex"] and name in known:
            known[name]["complex"] = complex_entry(programs.cases([declared]))
        elif wanted == ["--why"] and name in known:
            found = programs.cases([declared])
            if NO in known[name].values():
                known[name][WHY] = why(found, smooth_case(found), known[name])
        elif wanted and name in known and not any(w in name for w in wanted):
            continue
        else:
            known[name] = measured(declared)
            print(name, known[name], flush=True)
        TABLE.write_text(text_of({n: known[n] for n in rows() if n in known}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
