"""The command line, with a stand-in for the compiler: what it requests, prints and refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

import srcdiff
from srcdiff import cli
from srcdiff.errors import UnsupportedError
from srcdiff.ir.location import Location

PROGRAM = """
import numpy as np

def misfit(x, scale):
    return scale * np.sum(x**2)

def other(a):
    return a

def typed(a: float, n: int, flag: "bool", b: float = 2.0):
    return a

def shapeless(x: np.ndarray):
    return x


def nullary():
    return 1.0

print_name = print
EXAMPLES = [(np.ones(3), 2.0)]
WRT = (0, 1)
"""


PIPED = """
import sys, srcdiff
from srcdiff import cli
class Generated:
    def source_for(self, *args):
        return "# much\\n" * 100_000
srcdiff.value_and_grad = lambda f, argnums: Generated()
sys.exit(cli.main(["show", {target!r}]))
"""


class Generated:
    """Records its requests."""

    def __init__(self, mode, function, argnums):
        self.asked = f"{mode} {function.__name__} {argnums!r}"

    def source_for(self, *args):
        return f"{self.asked} {args!r}\n"

    def stages(self, *args):
        return {"frontend": "as written", "reverse": "backwards"}

    def save(self, path, *args):
        Path(path).write_text(self.source_for(*args))


class Differentiated:
    def __init__(self, function, argnums):
        self.jvp = Generated("jvp", function, argnums)


@pytest.fixture(autouse=True)
def compiler(monkeypatch):
    def stand_in(mode):
        return lambda function, argnums=0: Generated(mode, function, argnums)

    monkeypatch.setattr(srcdiff, "grad", stand_in("grad"), raising=False)
    monkeypatch.setattr(srcdiff, "value_and_grad", stand_in("value_and_grad"), raising=False)
    monkeypatch.setattr(
        srcdiff,
        "differentiate",
        lambda argnums=0: lambda function: Differentiated(function, argnums),
        raising=False,
    )


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch, tmp_path):
    """A file's module and folder do not stay behind."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "misfit.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def run(capsys):
    def run_cli(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run_cli


def refused(outcome):
    """The one line that reports a mistake."""
    status, out, err = outcome
    assert (status, out, err.count("\n")) == (2, "", 1)
    return err.removeprefix("srcdiff: ").strip()


def test_show_takes_arguments_and_argnums_from_the_file(run, file):
    assert run("show", f"{file}:misfit") == (
        0,
        "value_and_grad misfit (0, 1) (array([1., 1., 1.]), 2.0)\n",
        "",
    )


def test_show_the_gradient_alone(run, file):
    assert run("show", f"{file}:misfit", "--mode", "grad")[1].startswith("grad misfit (0, 1)")


@pytest.mark.parametrize("argnums", ["1", "scale"])
def test_show_forward_mode_gives_tangents_where_they_are_wanted(run, file, argnums):
    out = run("show", f"{file}:misfit", "--mode", "jvp", "--argnums", argnums)[1]
    assert out.startswith("jvp misfit")
    assert out.endswith("((array([1., 1., 1.]), 2.0), (None, 2.0))\n")


def test_show_takes_arguments_from_the_command_line(run, file):
    out = run("show", f"{file}:misfit", "--args", "np.zeros(2), 0.5,", "--argnums", "scale")[1]
    assert out == "value_and_grad misfit 'scale' (array([0., 0.]), 0.5)\n"


def test_names_of_the_file_can_be_used_in_args(run, file):
    out = run("show", f"{file}:other", "--args", "EXAMPLES[0][1]")[1]
    assert out == "value_and_grad other 0 (2.0,)\n"


def test_a_tuple_is_one_argument(run, file):
    assert "((1, 2),)" in run("show", f"{file}:other", "--args", "(1, 2)")[1]


def test_show_takes_arguments_from_annotations(run, file):
    out = run("show", f"{file}:typed", "--argnums", "a")[1]
    assert out == "value_and_grad typed 'a' (1.0, 1, True)\n"


@pytest.mark.parametrize(
    ("text", "argnums"), [("1", "1"), ("0,1", "(0, 1)"), ("0,", "(0,)"), ("x, 1", "('x', 1)")]
)
def test_argnums_are_positions_or_names(run, file, text, argnums):
    assert f" misfit {argnums} (" in run("show", f"{file}:misfit", "--argnums", text)[1]


def test_wrt_is_left_aside_where_it_does_not_fit(run, file):
    assert run("show", f"{file}:other", "--args", "1.0")[1].startswith("value_and_grad other 0 ")


def test_show_prints_a_stage(run, file):
    assert run("show", f"{file}:misfit", "--stage", "reverse")[1] == "backwards\n"
    assert run("show", f"{file}:misfit", "--stage", "list")[1] == "frontend\nreverse\n"


def test_an_unknown_stage_lists_the_known(run, file):
    message = refused(run("show", f"{file}:misfit", "--stage", "no"))
    assert message == "no stage 'no'; there are frontend, reverse"


def test_save_writes_the_file_and_prints_its_path(run, file, tmp_path):
    output = tmp_path / "misfit_grad.py"
    assert run("save", f"{file}:misfit", "-o", output) == (0, f"{output}\n", "")
    assert output.read_text().startswith("value_and_grad misfit")


def test_save_does_not_write_over_the_program(run, file):
    assert "is the file that is differentiated" in refused(
        run("save", f"{file}:misfit", "-o", file)
    )
    assert file.read_text() == PROGRAM


def test_save_into_a_missing_folder(run, file, tmp_path):
    output = tmp_path / "missing" / "out.py"
    message = refused(run("save", f"{file}:misfit", "-o", output))
    assert message == f"cannot write {output}: No such file or directory"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{file}"], "expected FILE:FUNCTION, not '{file}'"),
        (["{file}.not:f"], "no such file: {file}.not"),
        (["{file}:nothing"], "{file} has no function 'nothing'"),
        (["{file}:WRT"], "{file} has no function 'WRT'"),
        (
            ["{file}:other"],
            "give example arguments with --args: 'a' has no annotation, and the file no EXAMPLES"
            " that fit",
        ),
        (
            ["{file}:shapeless"],
            "give example arguments with --args: 'x' is annotated as ndarray, which leaves its"
            " shape open",
        ),
        (["{file}:nullary"], "'nullary' takes no arguments"),
        (["{file}:misfit", "--args", "1"], "the 1 arguments of --args do not fit (x, scale)"),
        (["{file}:misfit", "--args", "np.on(3)"], "--args 'np.on(3)': AttributeError: module"),
        (["{file}:misfit", "--args", "1 +"], "--args '1 +': SyntaxError: invalid syntax"),
        (["{file}:misfit", "--argnums", "7"], "--argnums '7': the arguments are x, scale"),
        (["{file}:misfit", "--argnums", ","], "--argnums names no argument"),
    ],
)
def test_mistakes_are_reported_in_one_line(run, file, arguments, message):
    message_printed = refused(run("show", *[a.replace("{file}", str(file)) for a in arguments]))
    assert message_printed.startswith(message.replace("{file}", str(file)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = x / 0\n", "{file}:2: ZeroDivisionError: division by zero"),
        ("def f(:\n", "{file}:1: SyntaxError: "),
        ("import sys\nsys.exit('enough')", "{file}:2: SystemExit: enough"),
        ("import not_there_at_all", "{file}:1: ModuleNotFoundError: No module named"),
    ],
)
def test_a_file_that_raises_is_reported_in_one_line(run, tmp_path, text, message):
    file = tmp_path / "broken.py"
    file.write_text(text)
    assert refused(run("show", f"{file}:f")).startswith(message.replace("{file}", str(file)))


def test_a_file_may_be_named_like_a_module_and_import_its_neighbours(run, tmp_path):
    (tmp_path / "neighbour_of_json.py").write_text("two = 2.0\n")
    file = tmp_path / "json.py"
    file.write_text("from neighbour_of_json import two\ndef f(x): return x\nEXAMPLES = [(two,)]\n")
    assert run("show", f"{file}:f")[1] == "value_and_grad f 0 (2.0,)\n"


def test_what_cannot_be_differentiated_is_shown_with_its_place(run, file, monkeypatch):
    def refuse(self, *args):
        place = Location("misfit.py", 5, 4, 10, "misfit", "    return scale")
        raise UnsupportedError("no derivative", "Write another.", place)

    monkeypatch.setattr(Generated, "source_for", refuse)
    status, out, err = run("show", f"{file}:misfit")
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        "misfit.py:5:5 in misfit: no derivative",
        "    return scale",
        "    ^^^^^^",
        "Write another.",
    ]


def test_ctrl_c_ends_without_a_traceback(run, monkeypatch):
    def interrupted(console):
        raise KeyboardInterrupt

    monkeypatch.setattr("srcdiff.demo.demo.run", interrupted)
    assert run("demo") == (130, "", "\nsrcdiff: stopped\n")


def test_a_closed_pipe_is_no_error(file):
    program = PIPED.format(target=f"{file}:misfit")
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(srcdiff.cli.__file__).parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_without_a_command_the_usage_is_shown(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([])
    assert stopped.value.code == 2
    assert "usage: srcdiff" in capsys.readouterr().err
