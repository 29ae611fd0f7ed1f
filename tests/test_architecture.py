"""The layers of docs/architecture.md as data, compared with the imports that there are."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import srcdiff

ROOT = Path(srcdiff.__file__).parent

# Who may import whom: the first prefix that fits a module says what it may see. A package may always import itself.
STAGES = ("srcdiff.frontend", "srcdiff.transforms", "srcdiff.codegen")
BELOW = ("srcdiff.ops", "srcdiff.ir", "srcdiff.errors")
FRONT = (  # the modules behind `srcdiff.api`, which join the stages
    "srcdiff.api", "srcdiff.batching", "srcdiff.building", "srcdiff.cache", "srcdiff.call_checks", "srcdiff.checks",
    "srcdiff.compiling", "srcdiff.costs", "srcdiff.cuda", "srcdiff.decorated", "srcdiff.derivation",
    "srcdiff.device_programs", "srcdiff.differentiable", "srcdiff.direct", "srcdiff.dynamic", "srcdiff.effects",
    "srcdiff.enumeration", "srcdiff.explaining", "srcdiff.few_numbers", "srcdiff.generated", "srcdiff.implicit_rules",
    "srcdiff.integral_rules", "srcdiff.kernel_programs", "srcdiff.locks", "srcdiff.makers", "srcdiff.matrices",
    "srcdiff.nan_finding", "srcdiff.njit", "srcdiff.numpy_only", "srcdiff.ode_rules", "srcdiff.options",
    "srcdiff.own_results", "srcdiff.plain_calls", "srcdiff.program_facts", "srcdiff.programs", "srcdiff.reading",
    "srcdiff.reasons", "srcdiff.references", "srcdiff.rule_checks", "srcdiff.rule_text", "srcdiff.shared_state",
    "srcdiff.signature", "srcdiff.solver_rules", "srcdiff.sparsity", "srcdiff.specialisations", "srcdiff.threads",
    "srcdiff.trees", "srcdiff.user_rewritings", "srcdiff.user_rules",
)  # fmt: skip
ARROWS: dict[str, tuple[str, ...]] = {
    "srcdiff.ir": (),
    "srcdiff.runtime": (),
    "srcdiff.errors": ("srcdiff.ir.location",),
    "srcdiff.ops": ("srcdiff.ir",),
    "srcdiff.frontend": BELOW,
    "srcdiff.transforms": BELOW,
    "srcdiff.codegen": BELOW,
    "srcdiff.trees": (),
    "srcdiff.options": ("srcdiff.errors",),
    **dict.fromkeys(FRONT, (*FRONT, *STAGES, *BELOW, "srcdiff.runtime.source")),
    "srcdiff.cuda": (
        *FRONT,
        *STAGES,
        *BELOW,
        "srcdiff.runtime.cuda",
        "srcdiff.runtime.cuda_arrays",
        "srcdiff.runtime.philox",
        "srcdiff.runtime.source",
    ),
    "srcdiff.console": (),
    "srcdiff.demo_model": (),
    # the command line, the demo and libraries on top see what users see
    "srcdiff.demo": ("srcdiff", "srcdiff.console", "srcdiff.demo_model"),
    "srcdiff.cli": ("srcdiff", "srcdiff.errors", "srcdiff.console", "srcdiff.demo"),
    "srcdiff.__main__": ("srcdiff.cli",),
    "srcdiff.vi": ("srcdiff", "srcdiff.effects"),
    "srcdiff.expfam": ("srcdiff",),
    "srcdiff": (*FRONT, "srcdiff.errors", "srcdiff.sparsity.derivatives"),  # __init__.py
}
ENTRY_POINTS = {
    "srcdiff",
    "srcdiff.cli",
    "srcdiff.__main__",
    "srcdiff.runtime.blocks",
    "srcdiff.runtime.device",
    "srcdiff.ops.quantile_paths",  # by name, in the rules that call it
    "srcdiff.runtime.quantile_paths",
    "srcdiff.runtime.philox",
    "srcdiff.runtime.scipy_special",
    "srcdiff.runtime.complex_special",
    "srcdiff.runtime.fourier",
    "srcdiff.runtime.lapack",
    "srcdiff.runtime.linear",
    "srcdiff.runtime.matrix_functions",
    "srcdiff.runtime.source",
    "srcdiff.runtime.vmath",
    "srcdiff.vi.dist",
}  # used from outside: imported by users and generated code, named in pyproject.toml
ORACLES = {
    "srcdiff.ir.interp",
    "srcdiff.ir.parse",
    "srcdiff.ops.roles",
}  # what tests compare the compiler with
ON_THE_COMMAND_LINE = {
    "srcdiff.__main__",
    "srcdiff.cli",
    "srcdiff.console",
    "srcdiff.demo",
    "srcdiff.demo_model",
}


def module_name(path: Path) -> str:
    parts = ("srcdiff", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that code imports: `from srcdiff.ops import memory` is `srcdiff.ops.memory`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a module stands"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in FILES else str(node.module)


def ours(names: Iterator[str]) -> list[str]:
    return sorted({n for n in names if n.split(".")[0] == "srcdiff"})


def layer(module: str) -> str:
    """The longest entry of `ARROWS` that a module is, or lies in."""
    own = [k for k in ARROWS if module == k or (module.startswith(f"{k}.") and k != "srcdiff")]
    assert own, f"{module} has no entry in ARROWS"
    return max(own, key=len)


def may_import(importer: str, target: str) -> bool:
    if (
        target == "srcdiff" or importer == "srcdiff"
    ):  # the package itself gives its public names, not what lies in it
        return target in ARROWS[layer(importer)]
    own = layer(importer)
    seen = (own, *ARROWS[own])
    return any(target == k or (target.startswith(f"{k}.") and k != "srcdiff") for k in seen)


@pytest.mark.parametrize("module", FILES)
def test_imports_point_downwards(module: str) -> None:
    wrong = [target for target in ours(imported(TREES[module])) if not may_import(module, target)]
    assert not wrong, f"{module} may not import {', '.join(wrong)}"


@pytest.mark.parametrize("module", FILES)
def test_an_import_inside_a_function_says_why(module: str) -> None:
    lines = FILES[module].read_text(encoding="utf-8").splitlines()
    inner = {
        node.lineno
        for function in ast.walk(TREES[module])
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    bare = [n for n in sorted(inner) if not _has_reason(lines, n)]
    assert not bare, (
        f"{FILES[module].name}: lines {bare} import inside a function and do not say why"
    )


def _has_reason(lines: list[str], number: int) -> bool:
    """Whether a comment stands on the line, or on the import or comment above it."""
    if "#" in lines[number - 1]:
        return True
    above = next(line.strip() for line in reversed(lines[: number - 1]) if line.strip())
    if above.startswith(("import ", "from ")):
        return _has_reason(lines, max(n for n in range(1, number) if lines[n - 1].strip()))
    return above.startswith("#")


def test_every_module_is_used() -> None:
    used = {target for name, tree in TREES.items() for target in imported(tree) if target != name}
    packages = {name for name, path in FILES.items() if path.name == "__init__.py"}
    unused = FILES.keys() - used - ENTRY_POINTS - ORACLES - packages
    assert not unused


@pytest.mark.parametrize("module", [name for name in FILES if name not in ON_THE_COMMAND_LINE])
def test_start_up_imports_no_heavy_library(module: str) -> None:
    """SciPy, Numba and rich take long to import: they stand at the top of the command line's modules only."""
    top = [node for node in TREES[module].body if isinstance(node, ast.Import | ast.ImportFrom)]
    roots = {name.split(".")[0] for node in top for name in imported(node)}
    if layer(module) in (
        "srcdiff.runtime",
        "srcdiff.njit",
        "srcdiff.cuda",
    ):  # imported by compiled code only
        roots -= {"numba", "llvmlite"}
    # imported by code that calls SciPy's functions
    if module.rpartition(".")[2] in (
        "scipy_special",
        "complex_special",
        "lapack",
        "linear",
        "matrix_functions",
    ):
        roots -= {"scipy"}
    # imported when they are asked for: they name SciPy's functions, or make its matrices
    if module.startswith(("srcdiff.expfam", "srcdiff.sparsity", "srcdiff.vi")):
        roots -= {"scipy"}
    assert roots.isdisjoint({"scipy", "numba", "rich", "pytest", "IPython"})


@pytest.mark.parametrize("name", srcdiff.__all__)
def test_public_names_are_documented(name: str) -> None:
    thing = getattr(srcdiff, name)
    assert inspect.getdoc(thing), f"srcdiff.{name} has no docstring"
    if isinstance(thing, type) and issubclass(thing, Exception):
        assert thing.__doc__, f"srcdiff.{name} has its base's docstring only"


def test_the_document_shows_the_same_layers() -> None:
    text = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert re.search(r"frontend \| transforms \| codegen -> ops -> ir", text)
