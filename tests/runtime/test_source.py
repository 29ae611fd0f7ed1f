"""The runtime as text that a saved module carries."""

from __future__ import annotations

import ast
import subprocess
import symtable
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from srcdiff.runtime import source, vmath
from srcdiff.runtime.source import needed, source_of


@pytest.mark.long
def test_the_text_runs_where_srcdiff_cannot_be_imported(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['srcdiff'] = None\n"
        f"{source_of(['tanh', 'log1p'])}\n"
        "print(repr(tanh(0.7)), repr(log1p(0.7)))\n"
    )
    (tmp_path / "saved.py").write_text(program)
    command = [sys.executable, "-I", str(tmp_path / "saved.py")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.split() == [repr(vmath.tanh(0.7)), repr(vmath.log1p(0.7))]


@pytest.mark.parametrize("name", vmath.__all__)
def test_the_text_defines_what_it_reads_and_no_more(name: str) -> None:
    tree = ast.parse(source_of([name]))
    roots = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert roots <= {"math", "numba", "llvmlite"}
    defined: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            defined += [alias.name for alias in node.names]
        elif isinstance(node, ast.FunctionDef):
            defined.append(node.name)
        else:
            assert isinstance(node, ast.Assign)
            defined.append(node.targets[0].id)
    assert sorted(defined) == sorted(needed([name]))
    assert set(defined) - {name} <= set(
        _globals_read(symtable.symtable(source_of([name]), "", "exec"))
    )


@pytest.mark.parametrize("name", ["digammaf", "signf", "xlogyf"])
def test_functions_of_devices_bring_what_they_read_and_no_more(name: str) -> None:
    text = source.standalone(f"from srcdiff.runtime.device import {name}\n")
    table = symtable.symtable(text, "", "exec")
    defined = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_namespace()}
    together = [  # several names of one assignment
        {n.id for n in ast.walk(t) if isinstance(n, ast.Name)}
        for statement in ast.parse(text).body
        if isinstance(statement, ast.Assign)
        for t in statement.targets
    ]
    read = {*_globals_read(table), name}
    unread = defined - read
    assert all(any(n in group and group & read for group in together) for n in unread)


def _globals_read(table: symtable.SymbolTable) -> Iterator[str]:
    is_module = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (is_module or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _globals_read(inner)


def test_the_text_is_found_without_numba() -> None:
    program = "import sys, srcdiff.runtime.source as s; s.source_of(['exp']); print('numba' in sys.modules)"
    command = [sys.executable, "-c", program]
    assert (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )


def test_a_name_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError, match="no function `expp`"):
        source_of(["expp"])


def test_every_public_function_is_found() -> None:
    folder = Path(source.__file__).parent
    others = {
        "source",
        "vmath",
        "cuda/numba_cuda_api",
        "cuda/device_arrays",
        "cuda/dlpack",
        "device",
        "blocks",
        "philox",
    }  # saved files hold no kernels
    found = {p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.py")}
    assert {n for n in found if not n.endswith("__init__")} == {*source.MODULES, *others}
    assert needed(vmath.__all__) >= set(vmath.__all__)
