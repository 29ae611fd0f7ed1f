"""The documentation is true: its code runs, what it shows is what the tool prints, its links lead somewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_loader import load
from documentation.docs_tools import (
    DOCUMENTS,
    ROOT,
    Block,
    Outcome,
    Session,
    blocks,
    is_part,
    without_notes,
)

import srcdiff
from srcdiff.ops.control.cuda_scalar import device_form
from srcdiff.ops.control.solvers import SOLVERS
from srcdiff.ops.core.registry import COMPOSITES, OPERATIONS

EVERY = [*DOCUMENTS, ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md"]
by_name = pytest.mark.parametrize("document", EVERY, ids=lambda p: str(p.relative_to(ROOT)))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)  # examples may save files


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_code_runs_and_prints_what_is_shown(document: Path) -> None:
    session = Session(f"docs_{document.stem.lower()}")
    try:
        check_blocks(session, blocks(document))
    finally:
        session.close()


def check_blocks(session: Session, found: list[Block]) -> None:
    last = Outcome("", None, [])
    for k, block in enumerate(found):
        place = f"line {block.line}"
        if block.mark == "output":
            assert last.printed.strip() == block.text.strip(), place
        elif block.mark == "error":
            assert last.error is not None, place
            assert str(last.error) == block.text.rstrip(), place
        elif block.mark == "warning":
            assert block.text.rstrip() in last.warned, place
        elif block.mark.startswith("stage: "):
            check_stage(session, block)
        elif block.mark.startswith("from: "):
            file = ROOT / block.mark.removeprefix("from: ")
            assert without_indents(block.text) in without_indents(file.read_text()), place
        elif block.language == "python" and not block.mark:
            last = session.run(block)
            follows = found[k + 1].mark if k + 1 < len(found) else ""
            if follows != "error" and last.error is not None:
                raise AssertionError(place) from last.error
            assert follows == "warning" or not last.warned, (place, last.warned)


def without_indents(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def check_stage(session: Session, block: Block) -> None:
    """The text after a pass; `<function>_stages` of the document holds them."""
    function, _, stage = block.mark.removeprefix("stage: ").partition(", ")
    stages = vars(session.module)[f"{function}_stages"]
    text = without_notes(stages[stage])
    assert is_part(block.text, text), f"line {block.line}: it is now\n{text}"


def test_the_readme_shows_the_gradient_of_the_corpus_program() -> None:
    hmm = next(p for p in load("targets") if p.name == "hmm")
    made = srcdiff.value_and_grad(hmm.function, argnums=hmm.wrt).source_for(*hmm.arguments(0))
    assert made.strip() in (ROOT / "README.md").read_text()


def test_every_public_name_is_described() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    missing = [n for n in srcdiff.__all__ if not re.search(rf"`@?(srcdiff\.)?{n}\b", text)]
    assert not missing


def test_every_option_is_described() -> None:
    from srcdiff.options import Options

    text = (ROOT / "docs" / "api.md").read_text()
    assert [n for n in Options.__dataclass_fields__ if f"| `{n}` |" not in text] == []


def test_the_functions_with_derivatives_are_listed() -> None:
    """A new operation is named in the reference; what is named there exists."""
    text = (ROOT / "docs" / "api.md").read_text()
    section = text.partition("\n## Functions with derivatives\n")[2].partition("\n## ")[0]
    found: set[str] = set()
    for module, names in re.findall(r"^\* `([a-z.]+)`: (.*?)\.$", section, re.M | re.S):
        found |= {f"{module}.{name}" for name in re.findall(r"`(\w+)`", names)}
    assert found == declared()


def declared() -> set[str]:
    """The functions of NumPy, `math` and SciPy that operations stand for, by dotted name; of distributions theirs."""
    known = [*OPERATIONS.values(), *COMPOSITES.values()]
    every = [c for d in known for c in d.callables]
    names = [c if isinstance(c, str) else dotted(c) for c in every]
    names = [n.rpartition(".")[0] if n.startswith("scipy.stats.") else n for n in names]
    return {n for n in (*names, *SOLVERS) if n.startswith(("np.", "math.", "scipy."))}


def dotted(function: Any) -> str:
    module = str(getattr(function, "__module__", ""))
    for part in ("linalg", "fft"):
        module = f"np.{part}" if module.startswith(f"numpy.{part}") else module
    name = getattr(function, "__name__", None)
    if name is None:  # np.r_
        name = next(n for n, found in vars(np).items() if found is function)
    return f"{'np' if module.startswith('numpy') else module}.{name}"


def test_the_table_of_kernels_is_what_is_declared() -> None:
    text = (ROOT / "docs" / "cuda.md").read_text()
    declared = [
        d for d in OPERATIONS.values() if d.elementwise and isinstance(d.template, str | None)
    ]
    rows = [(d.name, device_form(d)) for d in sorted(declared, key=lambda d: d.name)]
    listed = "".join(f"| `{name}` | {f'`{form}`' if form else '-'} |\n" for name, form in rows)
    assert text.endswith(f"|---|---|\n{listed}")


def test_every_example_is_mentioned() -> None:
    text = (ROOT / "README.md").read_text()
    found = [p.name for p in (ROOT / "examples").glob("*.py")]
    assert found
    assert [name for name in found if f"(examples/{name})" not in text] == []


@by_name
def test_relative_links_lead_to_files(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.S)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    local = [t for t in targets if not re.match(r"https?:|mailto:", t)]
    dead = [t for t in local if not leads_somewhere(document, t)]
    assert not dead


def leads_somewhere(document: Path, target: str) -> bool:
    name, _, heading = target.partition("#")
    file = document.parent / name if name else document
    return file.exists() and (not heading or heading in headings(file))


def headings(file: Path) -> set[str]:
    """The anchors of a document's headings."""
    found = re.findall(r"^#+ (.*)$", file.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in found}


# ---- what the pages for contributors name in the code ---------------------------------------------------

GUIDES = [ROOT / "docs" / f"{name}.md" for name in ("architecture", "design", "contributing")]
ROOTS = (ROOT / "srcdiff", ROOT)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda p: p.stem)
def test_files_and_symbols_that_a_guide_names_exist(guide: Path) -> None:
    text = re.sub(
        r"\n## Packages\n.*?(?=\n## )", "", guide.read_text(), flags=re.S
    )  # its test is below
    named = re.findall(r"`((?:[\w.]+/)*\w+\.py|(?:\w+/)+)(?::([\w.]+))?`", text)
    assert named
    missing = {path for path, _ in named if in_the_tree(path) is None}
    assert missing == set()
    assert {f"{p}:{s}" for p, s in named if s and not defines(in_the_tree(p), s)} == set()


def in_the_tree(path: str) -> Path | None:
    return next((root / path for root in ROOTS if (root / path).exists()), None)


def defines(file: Path | None, symbol: str) -> bool:
    """Whether a module assigns or defines a name, or a class in it a method."""
    assert file is not None
    body = ast.parse(file.read_text()).body
    for name in symbol.split("."):
        own = [s for s in body if name in names_of(s)]
        if not own:
            return False
        body = getattr(own[0], "body", [])
    return True


def names_of(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}


def test_every_package_has_a_row_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.partition("\n## Packages\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(.*?)/` \| .*? \| `(\S+?)`.*\|$", table, re.M)
    folders = {
        str(p.parent.relative_to(ROOT / "srcdiff")) for p in (ROOT / "srcdiff").rglob("__init__.py")
    }
    families = {f for f in folders if f.startswith("ops/library/")}  # one row for all of them
    assert {folder for folder, _ in rows} == folders - families - {"."}
    assert [f"{a}/{b}" for a, b in rows if not (ROOT / "srcdiff" / a / b).exists()] == []


def test_the_glossary_gives_each_word_a_sentence_and_a_file() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.partition("\n## Glossary\n")[2]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][
        1:
    ]
    assert len(rows) > 50
    words = [row[0] for row in rows]
    assert words == sorted(set(words))
    assert [
        r
        for r in rows
        if len(r) != 3 or not r[1].endswith(".") or not re.match(r"`[\w/]+\.py", r[2])
    ] == []


def test_contributing_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "contributing.md").read_text()
    named = set(re.findall(r"\b(tests/[\w/]+(?:\.py)?)", text))
    assert len(named) > 20
    assert [n for n in sorted(named) if not (ROOT / n.rstrip("/")).exists()] == []


# ---- the checks themselves ------------------------------------------------------------------------------


def test_parts_of_a_text_are_found_in_order() -> None:
    assert is_part("a\n...\nc\n", "a\nb\nc\nd\n")
    assert is_part("a\n  ...\nd", "a\nb\nc\nd")
    assert not is_part("c\n...\na\n", "a\nb\nc\n")
    assert not is_part("b\n", "a\nb\n")


def test_tests_that_documents_name_exist() -> None:
    named = {
        found
        for document in (ROOT / "docs").glob("*.md")
        for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", document.read_text())
    }
    assert named
    for path, name in named:
        assert f"\ndef {name}(" in (ROOT / path).read_text(), (path, name)
