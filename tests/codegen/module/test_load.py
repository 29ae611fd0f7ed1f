import linecache
import stat
import sys
import traceback
import warnings
from pathlib import Path

import pytest

from srcdiff.codegen.module.load import load
from srcdiff.errors import CacheWarning

TEXT = "def double(x):\n    return x + x\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "cache"
    monkeypatch.setenv("SRCDIFF_CACHE", str(path))
    before = set(sys.modules)
    yield path
    for name in set(sys.modules) - before:
        if name.startswith("srcdiff_generated."):
            del sys.modules[name]


def test_the_function_lives_in_a_file_and_a_module(folder):
    double = load(TEXT, "double")
    assert double(2) == 4
    path = Path(double.__code__.co_filename)
    assert path.parent == folder
    assert path.name.startswith("double_")
    assert path.read_text() == TEXT
    assert sys.modules[double.__module__].double is double


def test_the_folder_is_for_its_owner_only(folder):
    load(TEXT, "double")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_same_text_is_the_same_function(folder):
    assert load(TEXT, "double") is load(TEXT, "double")


def test_bindings_are_found_by_the_text(folder):
    text = "def scaled(x):\n    return x * factor\n"
    by_two, by_three = (load(text, "scaled", {"factor": k}) for k in (2, 3))
    assert (by_two(5), by_three(5)) == (10, 15)


@pytest.mark.parametrize("content", ["import os; os.abort()\n", TEXT[:10], ""])
def test_an_altered_file_is_written_anew_and_never_run(folder, content):
    path = Path(load(TEXT, "double").__code__.co_filename)
    path.write_text(content)
    sys.modules.pop(load(TEXT, "double").__module__)
    assert load(TEXT, "double")(3) == 6
    assert path.read_text() == TEXT


def test_no_temporary_files_are_left(folder):
    load(TEXT, "double")
    assert [p.suffix for p in folder.iterdir()] == [".py"]


def test_without_a_folder_the_text_is_in_memory_and_one_warning_says_so(folder, monkeypatch):
    folder.write_text("a file where the folder should be")
    with pytest.warns(CacheWarning, match="SRCDIFF_CACHE"):
        double = load(TEXT, "double")
    assert double(4) == 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(TEXT + "\n", "double")
    assert linecache.getline(double.__code__.co_filename, 2) == "    return x + x\n"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_folder_that_others_may_write_to_is_refused(folder):
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.warns(CacheWarning, match="other users"):
        load(TEXT, "double")
    assert not list(folder.iterdir())


def test_tracebacks_show_the_generated_line(folder):
    fail = load("def fail(x):\n    return x / 0\n", "fail")
    try:
        fail(1)
    except ZeroDivisionError:
        assert "return x / 0" in traceback.format_exc()


def test_files_survive_a_check_of_linecache(folder):
    double = load(TEXT, "double")
    linecache.checkcache()
    assert linecache.getline(double.__code__.co_filename, 1) == "def double(x):\n"
