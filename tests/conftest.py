"""Options of the test suite."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import Any

import hypothesis
import pytest
import suites

# What is generated is tested as NumPy; tests of compiled code say jit=True, or set this for themselves.
os.environ.setdefault("SRCDIFF_JIT", "0")
# A busy machine takes long, and tests compare what is written to stderr.
os.environ.setdefault("SRCDIFF_PROGRESS", "0")
# Kernels run in Numba's simulator, which must be selected before the import; 0 has them compiled, or run on a device.
os.environ.setdefault("NUMBA_ENABLE_CUDASIM", "1")
# A cache that starts empty; processes whose texts are compared have none.
os.environ["SRCDIFF_CACHE"] = tempfile.mkdtemp(prefix="srcdiff-tests-")
atexit.register(shutil.rmtree, os.environ["SRCDIFF_CACHE"], ignore_errors=True)

# A slow machine is no failure of the program.
hypothesis.settings.register_profile("srcdiff", deadline=None)
hypothesis.settings.load_profile("srcdiff")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite tests/golden from what is generated now",
    )
    suites.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI"):
        raise pytest.UsageError("golden files are reviewed like code: CI does not rewrite them")
    suites.choose(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    return suites.workers(config)


@pytest.hookimpl(trylast=True)  # after -k and -m
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    suites.select(config, items)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if line := suites.summary(config):
        terminalreporter.write_line(line)


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every pass is validated; the report so far."""
    monkeypatch.setenv("SRCDIFF_VALIDATE", "1")
    from srcdiff.transforms.validation import validate

    report = validate.Report()
    monkeypatch.setattr(validate.Validator.__init__, "__defaults__", (None, None, report))
    return report


@pytest.fixture(autouse=True)
def _passes_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result of each pass is verified, as with SRCDIFF_VERIFY=1, which also generates stored programs anew."""
    from srcdiff.transforms.passes import Recorder

    monkeypatch.setattr(Recorder, "verify", property(lambda _: True, lambda _, value: None))


@pytest.fixture(autouse=True)
def _loop_forms_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop form that is not valid is not compiled, and users are warned; in tests it is an error."""
    from srcdiff.compile import build

    def verify(fn: Any) -> Any:
        problems = checked(fn)
        assert not problems, f"the loop form of {fn.name} is not valid: {problems[0].message}"
        return problems

    checked = build.verify
    monkeypatch.setattr(build, "verify", verify)
