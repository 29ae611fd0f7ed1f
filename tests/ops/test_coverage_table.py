"""`docs/coverage.md` is what `tools/coverage_table.py` writes: a row for each function, and its counts."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tool():
    spec = importlib.util.spec_from_file_location(
        "coverage_table", ROOT / "tools" / "coverage_table.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = tool()


def test_every_declared_function_has_a_row():
    assert list(TOOL.read_table()) == list(TOOL.rows()), "run tools/coverage_table.py"


def test_the_counts_are_those_of_the_rows():
    assert TOOL.text_of(TOOL.read_table()) == TOOL.TABLE.read_text(encoding="utf-8")


@pytest.mark.long
def test_values_are_right_wherever_there_is_a_row():
    assert [name for name, row in TOOL.read_table().items() if row["value"] != TOOL.YES] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", TOOL.rows())
def test_a_row_is_what_is_measured(name):
    assert TOOL.measured(TOOL.rows()[name]) == TOOL.read_table()[name]
