"""`docs/passes.md` is what `tools/passes_table.py` writes: a row for each declared pass."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from srcdiff.transforms import pipeline
from srcdiff.transforms.passes import Form, Pass, missing

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "passes_table.py"


@pytest.fixture(scope="module")
def table():
    """The tool, which finds its neighbours in its own folder."""
    sys.path.insert(0, str(TOOL.parent))
    try:
        spec = importlib.util.spec_from_file_location("passes_table", TOOL)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(TOOL.parent))


def test_the_page_has_the_declared_passes_with_their_words_in_their_order(table):
    text = table.FILE.read_text()
    assert text == table.page(table.counts_of(text)), "run tools/passes_table.py"


def test_each_pass_has_one_name_a_promise_and_a_reason(table):
    rows = [row for passes in table.rows().values() for row in passes]
    assert [step.name for step, reasons in rows if not (step.ensures and reasons)] == []
    first = {step.name: step for step, _ in rows}
    for step in (s for passes in table.lists().values() for s in passes):
        one = first[step.name]
        assert (one.ensures, one.needs, one.gives) == (step.ensures, step.needs, step.gives)


def test_each_pass_has_what_it_needs_where_it_stands(table):
    lists = table.lists()
    loads, derived = (Form.OWNED, Form.LOADS), pipeline.REVERSED
    assert missing(lists["Preparation"]) == []
    assert missing(lists["Stability rewriting"], loads) == []
    assert missing(lists["Semirings"], loads) == []
    assert missing(lists["Helpers of compiled code"], loads) == []
    assert missing((*lists["After reverse mode"], *lists["Printed form"]), derived) == []
    assert missing((*lists["Printed form"], *lists["Jacobians"]), pipeline.TANGENT) == []
    loops = lists["Loops"]
    assert missing((*loops, *lists["Fast loops"]), pipeline.TANGENT) == []
    assert missing((*loops, *lists["CUDA devices"]), pipeline.TANGENT) == []
    assert missing(lists["CUDA kernels"], derived) == []


def test_a_pass_before_the_pass_that_it_needs_is_found():
    gives = Pass("gives", lambda f: f, "", gives=(Form.SCALAR,))
    needs = Pass("needs", lambda f: f, "", needs=(Form.SCALAR,))
    assert missing((gives, needs)) == []
    assert missing((needs, gives)) == [f"needs needs: {Form.SCALAR}"]


@pytest.mark.slow
def test_the_counts_are_those_that_are_measured():
    done = subprocess.run(
        [sys.executable, str(TOOL), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, re.sub(r"(?m)^", "  ", done.stdout)
