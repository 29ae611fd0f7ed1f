"""The pass pipeline: the order of the passes."""

import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace

import pytest
from corpus_loader import load
from fuzz.compare import stages
from transforms.hard_programs import CASES, V
from transforms.sources import source

import srcdiff
from srcdiff.compile.recording import new_recorder
from srcdiff.ir.core import Call, For, Function, If, Op, Region, While
from srcdiff.ir.values import Value
from srcdiff.ir.verify import InvalidIR, verify
from srcdiff.transforms.passes import Pass, Recorder, each_function

TEXT = "def g(v):\n    return np.sum(np.sin(v))\n\n\ndef f(x):\n    s = 1.0\n    for i in range(3):\n        s = s * g(x)\n    return s\n"


def test_each_function_is_changed_once():
    seen = []
    fn = stages("value_and_grad", source(TEXT), (V(3),)).kept[0][1]
    each_function(fn, lambda f: seen.append(f.name) or f)
    assert seen == ["g", "f"]


def test_the_recorder_keeps_the_text_of_each_stage_under_a_name_of_its_own():
    recorder = Recorder(keep_text=True)
    fn = stages("value_and_grad", source(TEXT), (V(3),)).kept[0][1]
    same = Pass("same", lambda f: f, "nothing")
    assert recorder.run(fn, (same, same)) is not None
    assert list(recorder.stages) == ["same", "same (2)"] and recorder.seconds["same"] >= 0.0


@pytest.mark.long
def test_hard_programs_are_valid_and_mean_the_same_after_every_pass():
    for name in ("swap_conditional", "nested_breaks", "if_views_loop", "list_of_lists", "rt_if"):
        function, args = CASES[name]
        for kind in ("value_and_grad", "jvp"):
            record = stages(kind, function, args)
            assert record.broken == [], f"{name}, {kind}"
            assert verify(record.kept[-1][1]) == []


@pytest.mark.long
def test_the_same_program_gives_the_same_text_in_every_process(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(
        f"import numpy as np\nimport srcdiff\n\n\n{TEXT}\n\nprint(srcdiff.grad(f).source_for(np.ones(3)))\n"
    )
    texts = set()
    for seed in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SRCDIFF_CACHE": "off",  # it generates anew
        }
        texts.add(
            subprocess.run(
                [sys.executable, str(path)],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
    assert len(texts) == 1 and "def f_grad" in texts.pop()


@pytest.mark.long
@pytest.mark.parametrize("name", ["board_of_moves", "helpers_in_a_chain", "nested_while"])
def test_the_text_does_not_depend_on_the_order_of_sets(name, monkeypatch, tmp_path):
    """Values and statements are hashed by address, which differs from run to run."""
    monkeypatch.setenv("SRCDIFF_CACHE", "off")
    program = next(p for p in load("all") if p.name == name)
    texts = set()
    for salt in (1, 2, 3):
        for cls in (Value, Op, Call, If, For, While, Region, Function):
            monkeypatch.setattr(cls, "__hash__", lambda v, salt=salt: hash((id(v) >> 4, salt)))
        g = srcdiff.value_and_grad(program.function, argnums=program.wrt, jit=False)
        file = tmp_path / "loops.py"
        g.save(file, *program.arguments(0), form="loops", allow_srcdiff=True)
        texts.add(file.read_text())
    assert len(texts) == 1


@pytest.mark.parametrize("is_on", [False, True])
def test_checks_after_each_pass_can_be_turned_on(monkeypatch, is_on):
    monkeypatch.setattr(Recorder, "verify", False)  # tests verify
    monkeypatch.setenv("SRCDIFF_VERIFY", "1" if is_on else "")
    fn = stages("value_and_grad", source(TEXT), (V(3),)).kept[0][1]
    same = Pass("same", lambda f: f, "nothing changes")
    empty = replace(same, name="empty", fn=lambda f: f.with_body(replace(f.body, body=())))
    recorder = new_recorder()
    with pytest.raises(InvalidIR) if is_on else nullcontext():
        recorder.run(fn, (same, same, empty))
    assert (recorder.valid is fn) == is_on
