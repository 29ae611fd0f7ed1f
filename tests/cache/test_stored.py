"""The cache: generated and compiled programs are found again, also by other processes, and nothing else ever runs."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
import warnings
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srcdiff
from srcdiff.codegen.module import cache_dir as files
from srcdiff.compile import build as building
from srcdiff.errors import CacheWarning
from srcdiff.handles import differentiable
from srcdiff.handles.specialisations import Specialisations

X = np.array([0.3, -0.7, 1.1])
W = np.array([1.0, 2.0, 3.0])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    path = tmp_path / "cache"
    monkeypatch.setenv("SRCDIFF_CACHE", str(path))
    monkeypatch.delenv("SRCDIFF_VERIFY", raising=False)
    monkeypatch.setattr(
        differentiable, "_known", lambda derived: Specialisations()
    )  # as in another process
    before = set(sys.modules)
    yield path
    for name in set(sys.modules) - before:
        if name.startswith("srcdiff_generated."):
            del sys.modules[name]


@pytest.fixture
def built(monkeypatch):
    """The names of the programs that were generated."""
    names: list[str] = []

    def counted(make):
        def maker(derived, arguments, *further, **named):
            names.append(derived.name)
            return make(derived, arguments, *further, **named)

        return maker

    for maker in (building.build, building.build_loops):
        monkeypatch.setattr(building, maker.__name__, counted(maker))
    return names


def stored(g: srcdiff.Generated, *args: Any) -> Any:
    return g.specialise(*args).program.stored


def product(x, y, axis=0):
    return np.sum(np.sum(x * W * y, axis=axis))


def test_a_program_is_found_again(folder, built):
    expected = srcdiff.grad(product)(X, X)
    g = srcdiff.grad(product)
    np.testing.assert_array_equal(g(X, X), expected)
    assert built == ["product_grad"]
    found = stored(g, X, X)
    assert found.was_found and found.path.parent == folder
    assert g.source == srcdiff.grad(product).source_for(X, X)
    # the value of `axis` is part of what is looked for
    x = np.ones((2, 3))
    for axis in (1, 0, 1):
        np.testing.assert_array_equal(srcdiff.grad(product)(x, x, axis), W * x)
    assert len(built) == 3


def test_other_types_options_and_lengths_are_other_programs(folder, built):
    def total(x, n):
        for _ in range(n):
            x = x * np.sin(x)
        return np.sum(x)

    for _ in range(2):
        srcdiff.grad(total)(X, 2)
        srcdiff.grad(total)(X.astype(np.float32), 2)
        srcdiff.grad(total, residuals="store")(X, 2)
        srcdiff.value_and_grad(total)(X, 2)
        srcdiff.grad(total)(X, -1)  # arrays have no such length
        srcdiff.grad(srcdiff.grad(lambda x: x**3))(2.0)
    assert len(built) == 6


def scaled(x, k):
    return helper(x) * k + OUTSIDE["offset"]


def helper(x):
    return x**2


OUTSIDE = {"offset": 1.0}


def test_what_changes_outside_is_another_program(folder, built, monkeypatch):
    module = sys.modules[__name__]
    assert srcdiff.grad(scaled)(3.0, 2.0) == 12.0
    monkeypatch.setattr(module, "helper", lambda x: x**3)
    assert srcdiff.grad(scaled)(3.0, 2.0) == 54.0
    monkeypatch.undo()
    g = srcdiff.value_and_grad(scaled)
    assert g(3.0, 2.0) == (19.0, 12.0)


def test_a_program_that_was_found_watches_what_is_outside(folder, built, monkeypatch):
    g = srcdiff.value_and_grad(scaled)
    g(3.0, 2.0)
    again = srcdiff.value_and_grad(scaled)
    assert again(3.0, 2.0)[0] == 19.0 and stored(again, 3.0, 2.0).was_found
    monkeypatch.setitem(OUTSIDE, "offset", 2.0)
    assert again(3.0, 2.0)[0] == 20.0
    monkeypatch.setattr(sys.modules[__name__], "helper", lambda x: x**3)
    assert again(3.0, 2.0)[1] == 54.0


def test_equal_numbers_in_two_places_are_distinguished(folder, built):
    rate = 3.0

    class Box:
        size = 3.0

    box = Box()

    def f(x):
        return x * rate * box.size

    for _ in range(2):
        g = srcdiff.grad(f)
        assert g(1.0) == 9.0
        box.size = 2.0
        assert g(1.0) == 6.0
        rate = 5.0
        assert g(1.0) == 10.0
        del box.size
        rate = 3.0


@pytest.mark.parametrize("how", ["cut", "altered", "renamed", "empty", "unsealed"])
def test_a_file_that_is_not_as_it_was_written_is_made_anew(folder, built, how):
    def one(x):
        return np.sum(x**2)

    def other(x):
        return np.sum(x**3)

    path, foreign = (stored(srcdiff.grad(f), X).path for f in (one, other))
    content = path.read_bytes()
    bad = {
        "cut": content[:-1],
        "altered": content.replace(b"2.0", b"7.0"),
        "renamed": foreign.read_bytes(),
        "empty": b"",
        "unsealed": content.partition(b"\n")[2],
    }[how]
    assert bad != content
    path.write_bytes(bad)
    g = srcdiff.grad(one)
    np.testing.assert_allclose(g(X), 2.0 * X)
    assert not stored(g, X).was_found and len(built) == 3
    assert path.read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_what_others_may_have_written_is_not_read(folder, built):
    def f(x):
        return np.sum(x**2)

    path = stored(srcdiff.grad(f), X).path
    path.chmod(0o666)
    assert not stored(srcdiff.grad(f), X).was_found
    linked = path.with_name("linked")
    path.rename(linked)
    path.symlink_to(linked)
    assert not stored(srcdiff.grad(f), X).was_found
    if os.getuid() == 0:
        os.chown(path, 1, 1)
        assert not stored(srcdiff.grad(f), X).was_found
    assert stored(srcdiff.grad(f), X).was_found
    (folder / "key").write_bytes(b"0" * 32)  # another folder's
    assert not stored(srcdiff.grad(f), X).was_found
    folder.chmod(0o777)
    g = srcdiff.grad(f)
    with pytest.warns(CacheWarning, match="other users"):
        d_x = g(X)
    np.testing.assert_allclose(d_x, 2.0 * X)
    assert not stored(g, X).was_found


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_entries_that_are_no_files_are_replaced_or_reported(folder, built, tmp_path, kind):
    """A pipe would be waited for, and a link read and written through; a folder cannot be replaced."""

    def f(x):
        return np.sum(x**2)

    path = stored(srcdiff.grad(f), X).path
    text = next(folder.glob("*.py"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("raise SystemExit")
    for each in (path, text):
        each.unlink()
        if kind == "pipe":
            os.mkfifo(each)
        elif kind == "link":
            each.symlink_to(elsewhere)
        else:
            each.mkdir()
    g = srcdiff.grad(f)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.testing.assert_allclose(g(X), 2.0 * X)
    assert [w.category for w in caught] == ([CacheWarning] if kind == "folder" else [])
    assert elsewhere.read_text() == "raise SystemExit"
    assert kind == "folder" or (path.is_file() and not path.is_symlink())


def test_without_a_folder_there_is_one_warning(folder, built):
    folder.write_text("a file where the folder should be")

    def f(x):
        return np.sum(x**2)

    g = srcdiff.grad(f, jit=True)
    with pytest.warns(CacheWarning) as caught:
        d_x = g(X), g(X.astype(np.float32))
    np.testing.assert_allclose(d_x, (2.0 * X, 2.0 * X), rtol=1e-6)
    assert len(caught) == 1
    assert "no folder" in stored(g, X).reason


@pytest.mark.parametrize("problem", ["read-only", "full"])
def test_a_folder_that_cannot_be_written_is_reported_once(folder, built, monkeypatch, problem):
    number = errno.EROFS if problem == "read-only" else errno.ENOSPC
    folder.mkdir(mode=0o700)
    made = iter(range(1000))

    def refuses(dir, suffix):
        raise OSError(number, os.strerror(number), f"{dir}/tmp{next(made)}{suffix}")

    monkeypatch.setattr(files.tempfile, "mkstemp", refuses)

    def f(x):
        return np.sum(x**2)

    g = srcdiff.grad(f, jit=True)
    with pytest.warns(CacheWarning) as caught:
        d_x = g(X), g(X.astype(np.float32)), srcdiff.grad(f)(X)
    np.testing.assert_allclose(d_x, 3 * (2.0 * X,), rtol=1e-6)
    (message,) = map(str, map(attrgetter("message"), caught))
    assert str(folder) in message and os.strerror(number) in message and not list(folder.iterdir())
    assert next(made) > 3  # each of which would have been a warning with a name of its own


def test_files_that_other_processes_take_away_meanwhile_are_no_problem(folder, monkeypatch):
    files.write_sealed("entry", b"content")
    listed = os.scandir

    def scandir(path):
        other = Path(path) / "other.tmp"
        other.write_bytes(b"of another process")
        entries = list(listed(path))
        other.unlink()
        return entries

    monkeypatch.setattr(files.os, "scandir", scandir)
    files._prune.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert files.write_sealed("second", b"content")


def test_what_cannot_be_described_is_not_kept(folder, built):
    class Rates:
        def __init__(self):
            self.all = iter([1])
            self.first = 2.0

    rates = Rates()

    def f(x):
        return rates.first * x

    for _ in range(2):
        g = srcdiff.grad(f)
        assert g(1.0) == 2.0
    assert len(built) == 2 and "list_iterator" in stored(g, 1.0).reason


def test_nothing_is_kept_where_that_is_switched_off(folder, built, monkeypatch, tmp_path):
    monkeypatch.setenv("SRCDIFF_CACHE", "off")
    monkeypatch.chdir(tmp_path)

    def f(x):
        return np.sum(x**2)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        srcdiff.grad(f)(X)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_has_grown_too_large_loses_what_was_of_no_use_for_longest(
    folder, monkeypatch
):
    monkeypatch.setattr(files, "_COUNT", 8)
    names = [f"entry_{k:032x}.code" for k in range(12)]
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "notes.txt").write_text("of the user")
    os.utime(folder / "notes.txt", (0, 0))
    for k in range(12):
        files._prune.cache_clear()
        path = files.write_sealed(names[k], b"content")
        os.utime(path, (k, k))
        files.read_sealed(names[0])
    left = {p.name for p in folder.iterdir()}
    assert {"key", "notes.txt", names[0], names[11]} <= left
    assert len(left) <= 11
    assert names[1] not in left


def test_explain_shows_what_came_from_the_cache(folder, built):
    def f(x):
        return np.sum(np.exp(x))

    for how in ("kept", "found"):
        g = srcdiff.grad(f, jit=True)
        g(X)
        stored = srcdiff.explain(g, X).cache
        assert {*stored} >= {"source", "loop form"}
        assert all(v.startswith(how) for k, v in stored.items() if "machine" not in k)
        assert any(k.startswith("machine code for array(float64, 1d, C)") for k in stored)


@pytest.mark.slow
def test_parallel_loops_are_kept(folder):
    def f(x, w):
        total = 0.0
        for i in range(x.shape[0]):
            total += np.exp(x[i] @ w)
        return total

    g = srcdiff.grad(f, argnums=1, jit=True, parallel=True)
    g(np.ones((8, 3)), X)
    stored = srcdiff.explain(g, np.ones((8, 3)), X).cache
    assert "prange" in g.loop_source
    assert [v.startswith("kept") for k, v in stored.items() if "machine" in k] == [True]


# ---- processes -----------------------------------------------------------------------------------------

MODEL = """
import numpy as np
from collections import namedtuple
import srcdiff

W = np.array([1.0, 2.0, 3.0])
Pair = namedtuple("Pair", "a b")


def helper(x):
    return np.exp(-x) * x


def loss(p, x):
    return np.sum(helper(p.a * x) * p.b * W)


f = srcdiff.value_and_grad(loss, jit=True)
g = srcdiff.grad(loss)
"""

RUN = """
import sys
import numpy as np
import model
from numba.core import event

class Compiled(event.Listener):
    count = 0
    def on_start(self, event):
        Compiled.count += 1
    def on_end(self, event):
        pass

event.register("numba:compile", Compiled())
x = np.array([0.3, -0.7, 1.1])
p = model.Pair(0.5, np.array([1.0, 2.0, 3.0]))
print("ready", flush=True)
sys.stdin.readline()
value, d_p = model.f(p, x)
assert type(d_p) is model.Pair
print(float(value), float(d_p.a), *d_p.b.tolist(), float(model.g(p, x).a))
print("generated" if "srcdiff.compile.build" in sys.modules else "found", Compiled.count)
"""


def start(folder: Path) -> subprocess.Popen[str]:
    env = {**os.environ, "SRCDIFF_CACHE": str(folder / "cache")}
    return subprocess.Popen(
        [sys.executable, "-c", RUN], cwd=folder, env=env, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def run_at_once(folder: Path, count: int = 1) -> list[tuple[list[float], str, int]]:
    """The numbers of each process, where its source came from, and how many functions it compiled."""
    processes = [start(folder) for _ in range(count)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    results = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        numbers, how = output.splitlines()
        source, compiled = how.split()
        results.append(([float(n) for n in numbers.split()], source, int(compiled)))
    return results


@pytest.mark.long
def test_processes_share_what_they_generate_and_compile(tmp_path):
    model = tmp_path / "model.py"
    model.write_text(textwrap.dedent(MODEL))
    # either may come late and find what the other has made
    (expected, *first), (other, *second) = run_at_once(tmp_path, 2)
    assert other == expected
    assert "generated" in (first[0], second[0]) and first[1] + second[1] > 0
    assert run_at_once(tmp_path) == [(expected, "found", 0)]
    for path in (tmp_path / "cache").glob("*.code"):
        path.write_bytes(path.read_bytes()[:-1])
    [(found, source, compiled)] = run_at_once(tmp_path)
    assert found == expected and source == "found" and compiled > 0
    model.write_text(model.read_text().replace("np.exp(-x) * x", "np.exp(-x) * 2.0 * x"))
    [(changed, source, _)] = run_at_once(tmp_path)
    assert changed[0] != expected[0] and source == "generated"


@pytest.mark.long
def test_elementary_functions_are_compiled_once_for_all_programs(tmp_path):
    (tmp_path / "one.py").write_text(
        "import numpy as np\ndef f(x):\n    return np.sum(np.exp(x))\n"
    )
    (tmp_path / "two.py").write_text(
        "import numpy as np\ndef f(x):\n    return np.sum(np.exp(2.0 * x))\n"
    )
    run = """
        import sys, numpy as np, srcdiff
        from importlib import import_module
        from srcdiff.runtime.vmath import exp
        gradient = srcdiff.grad(import_module(sys.argv[1]).f, jit=True)
        print(gradient(np.zeros(2)), *exp.stats.cache_hits.values())
    """
    env = {**os.environ, "SRCDIFF_CACHE": str(tmp_path / "cache")}
    output = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(run), name],
            cwd=tmp_path, env=env, check=True, capture_output=True, text=True, timeout=120,
        ).stdout.strip()
        for name in ("one", "two")
    ]  # fmt: skip
    assert output == ["[1. 1.]", "[2. 2.] 1"]


RECURSIONS = """
import numpy as np
import srcdiff


def minors(x, k, used):
    s = 1.0
    for j in range(len(x)):
        if used & (1 << j) == 0 and k < 2:
            s += x[j] * minors(x, k + 1, used | (1 << j))
    return s


def called_with_constants(x):
    return minors(x, 0, 0)


def of_every_other(x):
    if len(x) < 2:
        return np.sum(x**2)
    return of_every_other(x[::2]) * x[1] + of_every_other(x[1::2])


for f in (called_with_constants, of_every_other):
    print(srcdiff.grad(f, jit=True)(np.array([0.7, -1.2, 0.4])).tolist())
"""


@pytest.mark.long
def test_functions_that_call_themselves_with_other_types_run_in_another_process(tmp_path):
    script = tmp_path / "recursions.py"
    script.write_text(RECURSIONS)
    env = {**os.environ, "SRCDIFF_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, str(script)]
    output = [
        subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert output[0] == output[1] and output[0].count("[") == 2


def test_machine_code_depends_on_what_is_bound(folder):
    def weighted(w):
        return lambda x: np.sum(w * x**2)

    for factor in (1.0, 2.0):
        g = srcdiff.grad(weighted(factor * W), jit=True)
        np.testing.assert_allclose(g(X), 2.0 * factor * W * X)
