"""The layers of docs/architecture.md as data, compared with the actual imports."""

import ast
import functools
import graphlib
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import srcdiff
from srcdiff.ops.core.registry import OPERATIONS

ROOT = Path(srcdiff.__file__).parent

# Who may import whom: the longest entry that a module is, or lies in, says what it may see. A package may always import
# itself. The order is partial: `test_the_layers_have_an_order` finds circles.
BELOW = ("srcdiff.ops", "srcdiff.ir", "srcdiff.errors", "srcdiff.options")
FRONTEND = tuple(  # each may import those in front of it; calls the other way are operations of `Frame`
    f"srcdiff.frontend.{name}"
    for name in (
        "source", "core", "joins", "containers", "arrays", "calls", "iteration", "control", "derivatives", "effects",
        "callees", "syntax", "reading", "trace", "rule_parser",
    )
)  # fmt: skip
TRANSFORMS = tuple(  # each may import those in front of it
    f"srcdiff.transforms.{name}"
    for name in (
        "passes", "analysis", "analysis.dependence", "prepare", "simplify", "rewrite", "simplify.algebra", "lower",
        "simplify.calls", "ad.tape", "ad.containers", "ad.adjoints", "ad.directives", "ad.reverse", "ad",
        "logspace", "linalg", "semiring.normalise", "semiring", "buffers", "schedule.gemm",
        "schedule.strength_reduction", "schedule.vectorize", "schedule", "legalize", "guards", "validation", "gpu",
        "gpu.device", "rule_rewriter", "stability", "remarks", "common_passes", "preparation", "pipeline",
        "loop_pipeline", "semiring.pipeline", "gpu.device.pipeline", "gpu.kernels",
    )
)  # fmt: skip
JOINING = (  # the packages that join the stages; each may import those in front of it
    "srcdiff.waits", "srcdiff.compile", "srcdiff.effects", "srcdiff.numba_ext.passes",
    "srcdiff.numba_ext.array_lists", "srcdiff.cache", "srcdiff.handles", "srcdiff.numba_ext",
    "srcdiff.markers", "srcdiff.api", "srcdiff.inspect", "srcdiff.rules",
    "srcdiff.eager", "srcdiff.cuda", "srcdiff.sparsity", "srcdiff.compat", "srcdiff.assembly",
)  # fmt: skip
VI = tuple(
    f"srcdiff.vi.{name}"
    for name in ("distributions.supports", "distributions", "model", "guides", "objectives", "results", "inference")
)  # fmt: skip


def in_order(names: tuple[str, ...], below: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {name: (*below, *names[:k]) for k, name in enumerate(names)}


ARROWS: dict[str, tuple[str, ...]] = {
    "srcdiff.ir": (),
    "srcdiff.runtime.math": (),
    "srcdiff.runtime.cuda": (),
    "srcdiff.runtime.source": (),
    "srcdiff.runtime": ("srcdiff.runtime.math", "srcdiff.runtime.cuda"),
    "srcdiff.errors": ("srcdiff.ir",),
    "srcdiff.options": ("srcdiff.errors",),
    "srcdiff.ops": ("srcdiff.ir",),
    **in_order(FRONTEND, BELOW),
    "srcdiff.frontend": (),
    **in_order(TRANSFORMS, BELOW),
    "srcdiff.transforms": (),
    "srcdiff.codegen": BELOW,
    **in_order(
        JOINING, (*FRONTEND, *TRANSFORMS, "srcdiff.codegen", *BELOW, "srcdiff.runtime.source")
    ),
    "srcdiff.dynamic": ("srcdiff.eager",),
    "srcdiff.console": (),
    # the command line, the demo and libraries on top see what users see
    "srcdiff.demo": ("srcdiff", "srcdiff.console"),
    "srcdiff.cli": (
        "srcdiff",
        "srcdiff.errors",
        "srcdiff.console",
        "srcdiff.demo",
        "srcdiff.cache",
        "srcdiff.handles",
    ),
    "srcdiff.__main__": ("srcdiff.cli",),
    **in_order(VI, ("srcdiff", "srcdiff.effects", "srcdiff.waits")),
    "srcdiff.vi": VI,
    "srcdiff.expfam.core": ("srcdiff",),
    "srcdiff.expfam.sequence": ("srcdiff", "srcdiff.expfam.core"),
    "srcdiff.expfam": ("srcdiff.expfam.core", "srcdiff.expfam.sequence"),
    "srcdiff": (*JOINING, "srcdiff.errors"),  # __init__.py
}
ARROWS["srcdiff.handles"] += ("srcdiff.runtime.cuda",)  # arrays on a device
ARROWS["srcdiff.cuda"] += ("srcdiff.runtime", "srcdiff.runtime.cuda")

# Names at the top of a module whose value changes while the program runs, and why each may.
REGISTRY = "a registry, filled when modules are imported"
BY_USERS = "declarations of the user, which hold for the process"
CACHE = "a cache: the same key always has the same value"
REENTRY = "what is being computed further out, restored on the way back"
MUTABLE_STATE: dict[str, str] = {
    "srcdiff.codegen.module.cache_dir._WARNED": "one warning a folder",
    "srcdiff.compile.derive._ON_DEVICE": REENTRY,
    "srcdiff.compile.extensions._installed": REGISTRY,
    "srcdiff.eager.calls.SPECIAL": REGISTRY,
    "srcdiff.eager.derivatives.op_derivatives._CALLS": CACHE,
    "srcdiff.eager.derivatives.op_derivatives._EXPRESSIONS": CACHE,
    "srcdiff.eager.rewrite.evaluation_order._OPEN": REENTRY,
    "srcdiff.eager.rewrite.line_map._ORIGINS": "where the text of a generated file comes from, for tracebacks",
    "srcdiff.eager.rewrite.line_map._PLACES": CACHE,
    "srcdiff.eager.rewrite.rewrite_cache._REWRITTEN": CACHE,
    "srcdiff.effects._HANDLERS": REENTRY,
    "srcdiff.expfam.sequence.em_estimator._GENERATED": CACHE,
    "srcdiff.frontend.core.frame._READERS": REGISTRY,
    "srcdiff.frontend.derivatives.services._registered": REGISTRY,
    "srcdiff.frontend.derivatives.solver_functions._MADE": CACHE,
    "srcdiff.frontend.rule_parser._PARSED": CACHE,
    "srcdiff.frontend.source.function_source._SOURCES": CACHE,
    "srcdiff.handles.generated._HANDLES": "the generated functions that are alive, to switch their compilation off",
    "srcdiff.compile.threads._forked": "whether the process was forked, which cannot be found out later",
    "srcdiff.numba_ext.calls._NUMBERS": "names of generated files differ",
    "srcdiff.ops.core.registry.COMPOSITES": REGISTRY,
    "srcdiff.ops.core.registry.COMPOSITE_METHODS": REGISTRY,
    "srcdiff.ops.core.registry.METHODS": REGISTRY,
    "srcdiff.ops.core.registry.OPERATIONS": REGISTRY,
    "srcdiff.ops.core.registry.OWN": BY_USERS,
    "srcdiff.ops.core.registry._BY_CALLABLE": REGISTRY,
    "srcdiff.ops.core.registry._COMPOSITE_OF": REGISTRY,
    "srcdiff.ops.core.registry._EVALUATED": REGISTRY,
    "srcdiff.ops.core.registry._PENDING": REGISTRY,
    "srcdiff.ops.core.registry._PENDING_COMPOSITES": REGISTRY,
    "srcdiff.options.OWN_REWRITINGS": BY_USERS,
    "srcdiff.rules.solvers._KNOWN": CACHE,
    "srcdiff.rules.solvers._VALUES": CACHE,
    "srcdiff.runtime.cuda.dlpack._KEPT": "arrays that another library holds, until it frees them",
    "srcdiff.transforms.rewrite.stability_rules.OWN_RULES": BY_USERS,
    "srcdiff.vi.distributions.divergences.REGISTRY": REGISTRY,
    "srcdiff.waits._IS_SHOWN": REENTRY,
}  # fmt: skip
ENTRY_POINTS = {
    "srcdiff",
    "srcdiff.cli",
    "srcdiff.__main__",
    "srcdiff.dynamic",
    "srcdiff.runtime.blocks",
    "srcdiff.runtime.clocks",
    "srcdiff.runtime.device",
    "srcdiff.ops.elementwise.implicit_quantiles",  # by name, in the rules that call it
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
    "srcdiff.ir.reference.interpreter",
    "srcdiff.ir.syntax.parser",
    "srcdiff.ops.core.operand_roles",
}  # what tests compare the compiler with
ON_THE_COMMAND_LINE = {
    "srcdiff.__main__",
    "srcdiff.cli",
    "srcdiff.console",
    "srcdiff.demo.demo",
    "srcdiff.demo.model",
}


# Sizes. A longer module holds two things, or repeats itself. Modules that are longer than MOST_LINES, each with its
# reason: their lines may only fall.
MOST_FILES, MOST_LINES, MOST_LINES_OF_CODE = 14, 400, 60  # of a folder, of a module, of a function
LONG_MODULES = {
    "api.py": 416,  # half of it are docstrings of what users call
    "codegen/plan/lower.py": 414,  # one walk over the statements
    "expfam/core/family.py": 428,  # the docstrings of one class
    "frontend/control/loop_carries.py": 510,  # one fixpoint, with the refusals of its cases
    "ir/core.py": 419,  # the grammar of the IR, a line for each field of an operation
    "ir/types.py": 418,  # lengths and types, which hold each other
    "transforms/rewrite/stability_rules.py": 498,  # a table of rules
    "vi/inference/optimizers.py": 413,  # a list of methods, each with its formula
    "vi/objectives/custom_guide_elbo.py": 434,  # one bound in all its forms
    "vi/objectives/elbo_text.py": 421,  # the texts of all estimators
}


def module_name(path: Path) -> str:
    parts = ("srcdiff", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


@functools.cache
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that code imports: `from srcdiff.ops import memory` is `srcdiff.ops.arrays.memory`."""
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
    own = layer(importer)
    return layer(target) in (own, *ARROWS[own])


def test_imports_point_downwards() -> None:
    pairs = [(name, target) for name, tree in trees().items() for target in ours(imported(tree))]
    assert [(name, target) for name, target in pairs if not may_import(name, target)] == []


def test_the_layers_have_an_order() -> None:
    tuple(graphlib.TopologicalSorter(ARROWS).static_order())  # raises where there is a circle


def test_modules_import_each_other_in_no_circle() -> None:
    graph = {
        name: {
            m
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for m in imported(node)
        }
        for name, tree in trees().items()
    }
    packages = {name for name, path in FILES.items() if path.name == "__init__.py"}
    inner = {name: (used & FILES.keys()) - packages for name, used in graph.items()}
    tuple(graphlib.TopologicalSorter(inner).static_order())  # raises where there is a circle


def test_an_import_inside_a_function_says_why() -> None:
    bare = []
    for module, tree in trees().items():
        lines = FILES[module].read_text(encoding="utf-8").splitlines()
        inner = {
            node.lineno
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        bare += [(module, n) for n in sorted(inner) if not _has_reason(lines, n)]
    assert bare == []


def _has_reason(lines: list[str], number: int) -> bool:
    """Whether a comment stands on the line, or on the import or comment above it."""
    if "#" in lines[number - 1]:
        return True
    above = next(line.strip() for line in reversed(lines[: number - 1]) if line.strip())
    if above.startswith(("import ", "from ")):
        return _has_reason(lines, max(n for n in range(1, number) if lines[n - 1].strip()))
    return above.startswith("#")


def test_folders_are_small() -> None:
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in FILES.values())
    assert {folder: n for folder, n in counts.items() if n > MOST_FILES} == {}


def test_modules_are_short() -> None:
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in FILES.values()
    }
    longer = {m: n for m, n in lines.items() if n > LONG_MODULES.get(m, MOST_LINES)}
    assert longer == {}, "split these along a seam, or remove what is superfluous"
    done = {m for m in LONG_MODULES if lines.get(m, 0) <= MOST_LINES}
    assert done == set(), "these are short now: take them from LONG_MODULES"


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function, without its docstring."""
    first = function.body[0]
    has_docstring = ast.get_docstring(function, clean=False) is not None
    documented = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - documented


def test_functions_are_short() -> None:
    longer = {
        f"{module}.{node.name}": lines_of_code(node)
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of_code(node) > MOST_LINES_OF_CODE
    }
    assert longer == {}


MOST_IGNORES = 93  # may only become fewer


def test_ignored_types_are_few() -> None:
    """An ignore names its rule, and the type that a function returns is never ignored."""
    lines = [s for path in FILES.values() for s in path.read_text(encoding="utf-8").splitlines()]
    ignores = [s for s in lines if "# type: ignore" in s]
    assert [s for s in ignores if "ignore[" not in s or "no-any-return" in s] == []
    assert len(ignores) <= MOST_IGNORES


MOST_OPERATION_NAMES = 1180  # in passes, which should ask declarations; may only become fewer


def test_few_operations_are_named_in_passes() -> None:
    names = OPERATIONS.keys() - {"where", "float64"}  # an attribute and a dtype
    found = Counter(
        node.value
        for module, tree in trees().items()
        if module.startswith("srcdiff.transforms.")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in names
    )
    assert found.total() <= MOST_OPERATION_NAMES, found.most_common(20)


CONTAINERS = {"dict", "list", "set", "defaultdict", "deque", "Counter", "OrderedDict"}
HOLDERS = {"ContextVar", "WeakKeyDictionary", "WeakSet", "WeakValueDictionary", "count", "local"}
CHANGING = {
    "add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reset", "set", "setdefault",
    "update",
}  # fmt: skip


def state_of(tree: ast.Module) -> set[str]:
    """Names at the top of a module that are made empty, or hold what changes, or that a function changes."""
    values: dict[str, ast.expr | None] = {}
    for s in tree.body:
        if isinstance(s, ast.Assign | ast.AnnAssign):
            targets = s.targets if isinstance(s, ast.Assign) else [s.target]
            values |= {t.id: s.value for t in targets if isinstance(t, ast.Name)}
    found = {name for name, value in values.items() if name != "__all__" and is_empty_holder(value)}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            own = {a.arg for a in ast.walk(function) if isinstance(a, ast.arg)}
            found |= {n for n in changed_in(function) if n in values and n not in own}
    return found


def is_empty_holder(value: ast.expr | None) -> bool:
    match value:
        case ast.Dict(keys=[]) | ast.List(elts=[]):
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in HOLDERS or (name in CONTAINERS and not value.args)
    return False


def changed_in(function: ast.AST) -> Iterator[str]:
    """The names that a function declares global, whose items or attributes it sets, or that it calls `append` of."""
    for node in ast.walk(function):
        match node:
            case ast.Global():
                yield from node.names
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Attribute(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if (
                method in CHANGING
            ):
                yield name


def test_no_module_has_state_that_changes() -> None:
    """But for registries, caches and the names that are listed with their reasons."""
    found = {f"{module}.{name}" for module, tree in trees().items() for name in state_of(tree)}
    assert found - MUTABLE_STATE.keys() == set(), "give it to a function, or list it with a reason"
    assert MUTABLE_STATE.keys() - found == set(), (
        "this is listed, and there is no such state any more"
    )


@pytest.mark.parametrize(
    "text",
    [
        "kept = {}",
        "kept = WeakKeyDictionary()",
        "kept = {1: 2}\ndef f(): kept[3] = 4",
        "kept = [1]\ndef f(): kept.append(2)",
        "kept = 1\ndef f():\n    global kept\n    kept = 2",
    ],
)
def test_state_is_found(text: str) -> None:
    assert state_of(ast.parse(text)) == {"kept"}


def test_every_module_is_used() -> None:
    used = {target for name, tree in trees().items() for target in imported(tree) if target != name}
    packages = {name for name, path in FILES.items() if path.name == "__init__.py"}
    unused = FILES.keys() - used - ENTRY_POINTS - ORACLES - packages
    assert not unused


def test_start_up_imports_no_heavy_library() -> None:
    """SciPy, Numba and rich take long to import: they stand at the top of the command line's modules only."""
    modules = FILES.keys() - ON_THE_COMMAND_LINE
    found = {name: imported_at_the_top(trees()[name]) - may_load(name) for name in modules}
    assert {name: heavy for name, heavy in found.items() if heavy & HEAVY} == {}


HEAVY = {"scipy", "numba", "rich", "pytest", "IPython"}
CALLS_SCIPY = ("scipy_special", "complex_special", "lapack", "linear", "matrix_functions")


def imported_at_the_top(tree: ast.Module) -> set[str]:
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {name.split(".")[0] for node in top for name in imported(node)}


def may_load(module: str) -> set[str]:
    """Heavy libraries that a module may import, because it is itself imported when it is used."""
    allowed = set()
    if module.startswith(("srcdiff.runtime", "srcdiff.numba_ext", "srcdiff.cuda")):  # compiled code
        allowed |= {"numba", "llvmlite"}
    calls_scipy = module.rpartition(".")[2] in CALLS_SCIPY
    if calls_scipy or module.startswith(("srcdiff.expfam", "srcdiff.sparsity", "srcdiff.vi")):
        allowed |= {"scipy"}
    return allowed


@pytest.mark.parametrize("name", srcdiff.__all__)
def test_public_names_are_documented(name: str) -> None:
    thing = getattr(srcdiff, name)
    assert inspect.getdoc(thing), f"srcdiff.{name} has no docstring"
    if isinstance(thing, type) and issubclass(thing, Exception):
        assert thing.__doc__, f"srcdiff.{name} has its base's docstring only"


def test_the_document_shows_the_same_layers() -> None:
    text = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert re.search(r"compile -> frontend \| transforms \| codegen -> ops -> ir", text)
