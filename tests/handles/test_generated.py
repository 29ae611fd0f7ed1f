"""Generated functions as objects: their source, saved files, pickles, threads."""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
import linecache
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_loader import Program, leaves, load

import srcdiff
from srcdiff.errors import DifferentiationError

ROOT = Path(__file__).parents[2]
X = np.array([1.0, 2.0])
SCALE = 3.0
WEIGHTS = np.array([1.0, np.inf, 0.1, -np.nan])


@dataclasses.dataclass
class Model:
    w: Any


def cubes(x, y=2.0):
    return np.sum(x**3) * y


def scaled(x):
    return np.sum(x**2) * SCALE


decorated = srcdiff.differentiate(cubes)


@srcdiff.differentiate
def squares(x):
    return np.sum(x**2)


def python(code: str, *args: str, **env: str) -> str:
    """The output of a new interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "SRCDIFF_CACHE": "off",  # it generates anew
            **env,
        },
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- source -------------------------------------------------------------------------------------------


def test_there_is_no_source_before_the_first_call() -> None:
    g = srcdiff.grad(cubes)
    with pytest.raises(DifferentiationError, match="source_for"):
        _ = g.source
    with pytest.raises(TypeError, match="missing"):
        g.source_for()


def test_source_is_that_of_the_latest_call() -> None:
    g = srcdiff.grad(cubes)
    g(X)
    arrays = g.source
    g(2.0)
    scalars = g.source
    assert arrays == g.source_for(X) and scalars == g.source_for(2.0)
    assert g.source == scalars  # looking at another changes nothing
    g(X)
    assert g.source == arrays
    assert repr(g) == "<srcdiff cubes_grad: 2 specialisations>"


def test_source_for_runs_nothing() -> None:
    def f(x):
        assert x < 0
        return x

    assert "assert x < 0" in srcdiff.grad(f).source_for(1.0)


def test_lengths_do_not_make_specialisations() -> None:
    g = srcdiff.grad(lambda x: np.sum(x**3))
    for n in (2, 3, 50):
        g(np.ones(n))
    assert "1 specialisation>" in repr(g)


def test_stages_hold_the_text_after_each_pass() -> None:
    stages = srcdiff.grad(cubes).stages(X)
    assert (
        next(iter(stages)) == "frontend"
        and "reverse" in stages
        and "dead code elimination (2)" in stages
    )
    assert all(isinstance(text, str) and "cubes" in text for text in stages.values())


def test_show_prints_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    srcdiff.grad(cubes).show(X)
    assert "def cubes_grad(x, y=2.0):" in capsys.readouterr().out


def test_notebooks_show_the_source() -> None:
    g = srcdiff.grad(cubes)
    assert "cubes_grad" in g._repr_markdown_()
    g(X)
    assert g._repr_markdown_().startswith("```python\ndef cubes_grad")


def test_a_traceback_shows_lines_of_the_generated_code() -> None:
    g = srcdiff.grad(lambda x, i: x[i] ** 2)
    with pytest.raises(IndexError) as caught:
        g(X, 7)
    frame = caught.traceback[-1]
    assert "f_grad" in frame.frame.code.name or frame.frame.code.name.endswith("_grad")
    assert linecache.getline(str(frame.path), frame.lineno + 1).strip()


# ---- files --------------------------------------------------------------------------------------------

_WITHOUT_SRCDIFF = """
import importlib.util, pickle, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "srcdiff":
            raise ImportError("srcdiff is not installed here")
sys.meta_path.insert(0, Refuse())
path, name, args, expected = sys.argv[1:]
spec = importlib.util.spec_from_file_location("saved", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
import numpy as np
with open(args, "rb") as file:
    args, expected_leaves = pickle.load(file)
with np.errstate(all="ignore"):
    found = getattr(module, name)(*args)
def leaves(t):
    if isinstance(t, dict): t = list(t.values())
    if isinstance(t, (tuple, list)): return [y for x in t for y in leaves(x)]
    return [t]
for a, b in zip(leaves(found), expected_leaves, strict=True):
    if b is not None:
        np.testing.assert_array_equal(a, b)
assert "srcdiff" not in sys.modules
print("equal")
"""


@pytest.mark.parametrize("program", load("targets"), ids=repr)
def test_a_saved_module_works_without_srcdiff(program: Program, tmp_path: Path) -> None:
    g = srcdiff.value_and_grad(program.function, argnums=program.wrt)
    args = program.arguments(0)
    try:
        payload = pickle.dumps((args, leaves(g(*program.arguments(0)))))
    except (pickle.PicklingError, AttributeError):
        pytest.skip("arguments that do not pickle")
    if "corpus" in repr(payload):
        pytest.skip("arguments of classes of their own")
    path = g.save(tmp_path / "saved.py", *args)
    (tmp_path / "args").write_bytes(payload)
    text = path.read_text()
    assert text.startswith(
        f'"""Generated by srcdiff: the value and grad of `{program.function.__name__}`.'
    )
    assert "import srcdiff" not in text
    name = f"{program.function.__name__}_value_and_grad"
    assert python(_WITHOUT_SRCDIFF, str(path), name, str(tmp_path / "args"), "") == "equal\n"


def imported(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_saved_module_holds_small_arrays_from_outside(tmp_path: Path) -> None:
    g = srcdiff.grad(lambda x: np.sum(x * WEIGHTS))
    path = g.save(tmp_path / "g.py", np.ones(4))
    np.testing.assert_array_equal(imported(path).f_grad(np.ones(4)), WEIGHTS)


def test_what_a_file_cannot_hold_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    large = np.ones(5000)
    with pytest.raises(DifferentiationError, match="refers to large from outside") as caught:
        srcdiff.grad(lambda x: np.sum(x * large)).save(tmp_path / "g.py", np.ones(5000))
    assert "Pass large as an argument" in caught.value.advice
    assert list(tmp_path.iterdir()) == []


def test_a_saved_module_imports_the_users_classes(tmp_path: Path) -> None:
    g = srcdiff.grad(lambda m: np.sum(m.w**2))
    path = g.save(tmp_path / "g.py", Model(X))
    text = path.read_text()
    assert f"from {Model.__module__} import Model\n" in text and "import srcdiff" not in text


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "g.py"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        srcdiff.grad(cubes).save(path, X)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_saved_file_may_be_read_by_others_as_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    path = srcdiff.grad(cubes).save(tmp_path / "g.py", X)
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_saved_module_says_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "saved.py"
    srcdiff.grad(lambda x: x**2).save(path, 1.0)
    assert "the grad of `f`. It needs Python and nothing else." in path.read_text()
    srcdiff.grad(lambda x: x @ X).save(path, X)
    assert "It needs NumPy and nothing else." in path.read_text()


def test_save_without_arguments_writes_the_latest(tmp_path: Path) -> None:
    g = srcdiff.grad(cubes)
    with pytest.raises(DifferentiationError, match="was not called yet"):
        g.save(tmp_path / "g.py")
    g(X)
    assert g.save(str(tmp_path / "g.py")).read_text().endswith(g.source)
    with pytest.raises(ValueError, match="form"):
        g.save(tmp_path / "g.py", form="lines")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing to write g.py to"):
        srcdiff.grad(cubes).save(tmp_path / "missing" / "g.py", X)


# ---- pickles and copies ---------------------------------------------------------------------------------


def test_a_handle_pickles_with_what_it_has_generated() -> None:
    g = srcdiff.grad(cubes)
    g(X)
    again = pickle.loads(pickle.dumps(g))
    assert again.source == g.source
    np.testing.assert_array_equal(again(X), g(X))
    assert repr(again) == "<srcdiff cubes_grad: 1 specialisation>"
    assert again(2.0) == 24.0  # types that are new


@pytest.mark.parametrize("is_called", [False, True])
def test_what_is_compiled_is_compiled_again_by_an_unpickled_handle(is_called) -> None:
    g = srcdiff.grad(cubes, jit=True)
    if is_called:
        g(X)
    again = pickle.loads(pickle.dumps(g))
    np.testing.assert_allclose(again(X), srcdiff.grad(cubes)(X))
    assert again.loop_source


def test_a_lambdas_derivative_pickles_for_the_types_it_was_used_with() -> None:
    g = srcdiff.grad(lambda x: x**2)
    g(3.0)
    again = pickle.loads(pickle.dumps(g))
    assert again(3.0) == 6.0 and again.source == g.source
    with pytest.raises(
        DifferentiationError, match="unpickled where its function cannot be found"
    ) as caught:
        again(X)
    assert "importable" in caught.value.advice
    with pytest.raises(DifferentiationError, match="cannot be found"):
        again.stages(3.0)
    assert pickle.loads(pickle.dumps(again))(3.0) == 6.0


def test_a_derivative_of_a_derivative_pickles() -> None:
    g = srcdiff.grad(srcdiff.grad(lambda x: x**3))
    g(2.0)
    again = pickle.loads(pickle.dumps(g))
    assert again(2.0) == 12.0
    with pytest.raises(DifferentiationError, match="cannot be found"):
        again(np.float32(2.0))
    named = pickle.loads(pickle.dumps(srcdiff.hvp(cubes)))
    np.testing.assert_array_equal(named(X, X), 12 * X * X)


def test_executed_text_pickles_and_works_in_another_process(tmp_path: Path) -> None:
    text, file = "def f(x):\n    return np.sum(x**2)\n", "<cell 2 of test_generated>"
    namespace: dict[str, Any] = {"np": np}
    exec(compile(text, file, "exec"), namespace)
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    g = srcdiff.grad(namespace["f"])
    g(X)
    path = tmp_path / "g.pickle"
    path.write_bytes(pickle.dumps(g))
    code = "import pickle, sys, numpy; print(pickle.load(open(sys.argv[1], 'rb'))(numpy.ones(3)))"
    assert python(code, str(path)) == "[2. 2. 2.]\n"


def test_a_pickle_follows_what_is_outside_where_it_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    g = srcdiff.grad(scaled)
    np.testing.assert_array_equal(g(X), 6 * X)
    data = pickle.dumps(g)
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    np.testing.assert_array_equal(pickle.loads(data)(X), 10 * X)


def test_results_of_the_users_classes_pickle() -> None:
    g = srcdiff.grad(lambda m: np.sum(m.w**2))
    g(Model(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(g))(Model(X)).w, 2 * X)


def test_decorated_functions_pickle_and_copy() -> None:
    assert pickle.loads(pickle.dumps(squares)) is squares
    assert copy.copy(squares) is squares and copy.deepcopy(squares) is squares
    again = pickle.loads(pickle.dumps(decorated))
    np.testing.assert_array_equal(again.grad(X), decorated.grad(X))


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
def test_a_copy_goes_its_own_way(make: Any) -> None:
    g = srcdiff.grad(lambda x: np.sum(x**2))
    g(3.0)
    other = make(g)
    np.testing.assert_array_equal(other(X), 2 * X)
    assert "1 specialisation>" in repr(g) and "2 specialisations>" in repr(other)
    assert "1 specialisation>" in repr(g)


# ---- threads and processes ------------------------------------------------------------------------------


def test_many_threads_may_call_first() -> None:
    def f(x, n):
        for _ in range(n):
            x = np.sin(x) * SCALE
        return np.sum(x)

    g, expected = srcdiff.grad(f), srcdiff.grad(f)(X, 3)
    start, found = threading.Barrier(12), []

    def call(k: int) -> None:
        start.wait()
        other = srcdiff.value_and_grad(f)  # a handle of its own, generated beside the others
        found.append((g(X.reshape(1, 2) if k % 2 else X, 3), other(X, 3)[1]))

    threads = [threading.Thread(target=call, args=(k,)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12 and "2 specialisations>" in repr(g)
    for one, other in found:
        np.testing.assert_array_equal(np.ravel(one), expected)
        np.testing.assert_array_equal(other, expected)


_ALL_SOURCES = """
import warnings
warnings.simplefilter("ignore")
import srcdiff
from corpus_loader import load
for p in load("targets"):
    for make in (srcdiff.value_and_grad, srcdiff.grad):
        print(make(p.function, argnums=p.wrt).source_for(*p.arguments(0)))
"""


@pytest.mark.long
def test_the_text_is_the_same_in_every_process() -> None:
    first, second = (python(_ALL_SOURCES, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert first == second and first.count("def ") > 10


@pytest.mark.long
def test_stages_are_the_same_in_every_process() -> None:
    code = (
        "import srcdiff; from corpus_loader import load;"
        "p = next(p for p in load('targets') if p.name == 'mlp');"
        "print(srcdiff.grad(p.function, argnums=p.wrt).stages(*p.arguments(0)))"
    )
    first, second = (python(code, PYTHONHASHSEED=seed) for seed in ("1", "2"))
    assert first == second and " at 0x" not in first


def test_a_negative_number_of_iterations_has_a_program_of_its_own() -> None:
    def grow(x: float, n: int) -> float:
        for _ in range(n):
            x = x * np.sin(x)
        return x

    g = srcdiff.grad(grow)
    assert "np.empty(n)" in g.source_for(0.7, 3)
    np.testing.assert_allclose(g(0.7, 0), 1.0)
    np.testing.assert_allclose(g(0.7, -2), 1.0)
    assert "np.empty(max(n, 0))" in g.source_for(0.7, -2)


def test_handles_of_one_derivative_share_what_they_generate() -> None:
    def f(x):
        return np.sum(x**3)

    g, h = srcdiff.grad(f), srcdiff.grad(f)
    g(X)
    assert h.specialise(X) is g.specialise(X)
    with pytest.raises(srcdiff.DifferentiationError, match="no source yet"):
        _ = h.source
    assert srcdiff.grad(f, residuals="store").specialise(X) is not g.specialise(X)


def product(x, y):
    return np.sum(x * y)


@pytest.mark.parametrize(
    ("made_for", "called_with", "message"),
    [
        ((3, 3), (1, 3), "x and y have to have equal lengths"),
        ((3, 3), (3, 1), "x and y have to have equal lengths"),
        (((2, 1), (2, 3)), ((2, 3), (2, 3)), r"generated for x.shape\[1\] == 1"),
        ((1, 3), (3, 3), r"generated for len\(x\) == 1"),
    ],
)
def test_a_saved_file_refuses_what_would_be_broadcast_otherwise(
    tmp_path, made_for, called_with, message
):
    path = tmp_path / "saved.py"
    gradient = srcdiff.grad(product, argnums=(0, 1))
    gradient.save(path, *map(np.ones, made_for))
    names = {}
    exec(path.read_text(), names)
    d_x, d_y = names["product_grad"](*map(np.ones, made_for))
    assert d_x.shape == np.ones(made_for[0]).shape and d_y.shape == np.ones(made_for[1]).shape
    with pytest.raises(ValueError, match=message):
        names["product_grad"](*map(np.ones, called_with))
