"""`srcdiff compile` and `srcdiff cache`."""

import sys

import pytest

from srcdiff import cli

SCRIPT = """
import sys
import numpy as np
import srcdiff

assert sys.argv[1:] == ["given"]
g = srcdiff.grad(lambda x: np.sum(np.exp(x) * x))
print(g(np.zeros(3)))
"""


def test_compile_fills_the_cache_and_cache_shows_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SRCDIFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SRCDIFF_JIT", "auto")
    monkeypatch.setattr(sys, "argv", ["srcdiff"])
    monkeypatch.setattr(sys, "path", sys.path.copy())
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    assert cli.main(["compile", str(script), "given"]) == 0
    out, err = capsys.readouterr()
    assert out == "[1. 1. 1.]\n"
    assert err.startswith("lambda_grad: ") or "_grad: " in err
    assert cli.main(["cache"]) == 0
    shown = capsys.readouterr().out
    assert "machine code: " in shown
    assert shown.startswith(str(tmp_path / "cache"))
    code = next((tmp_path / "cache").glob("*.code"))
    code.write_bytes(code.read_bytes()[:-1])
    (tmp_path / "cache" / "notes.py").write_text("of the user")
    assert cli.main(["cache", "check"]) == 0
    damaged = capsys.readouterr().out
    assert str(code) in damaged
    assert " 1 damaged" in damaged
    assert cli.main(["cache", "clear"]) == 0
    assert {p.name for p in (tmp_path / "cache").iterdir()} == {"key", "notes.py"}


@pytest.mark.parametrize("command", [["cache"], ["cache", "clear"], ["compile", "missing.py"]])
def test_without_a_cache_or_a_file(command, monkeypatch, capsys):
    monkeypatch.setenv("SRCDIFF_CACHE", "off")
    assert cli.main(command) == 2
    assert "no cache" in capsys.readouterr().err or command[0] == "compile"
