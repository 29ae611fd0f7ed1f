"""Which tests a plain `pytest` runs: a sample of every test function, on all cores.

Parametrised tests are most of the suite, and their cases differ little from each other. The sample takes a few cases
of each function, spread evenly over its parameters, and leaves out what is marked `long`. `--suite=rest` runs
exactly what the sample leaves out, `--suite=full` both. Tests marked `slow` are in none of the three.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator

import pytest

CASES = 2  # of each test function in the sample

SUITES = ("sample", "rest", "full")


def add_options(parser: pytest.Parser) -> None:
    parser.addoption(
        "--suite",
        choices=SUITES,
        default=None,
        help="sample: a few cases of every test function (the default of a plain `pytest`); "
        "rest: what the sample leaves out; full: both (the default where tests are selected)",
    )


def choose(config: pytest.Config) -> None:
    """Settle the suite in the main process; xdist sends the options to its workers."""
    if config.option.suite is None:
        config.option.suite = "full" if _is_selected(config) else "sample"


def workers(config: pytest.Config) -> int:
    """All cores, but for single files: starting workers takes longer than most of them."""
    files = [a.partition("::")[0] for a in config.invocation_params.args]
    if sum(f.endswith(".py") for f in files) == 1:
        return 0
    return os.cpu_count() or 1


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    suite = config.option.suite
    if suite == "full":
        return
    sample = set(sampled(items))
    kept = [i for i in items if (i in sample) == (suite == "sample")]
    config.hook.pytest_deselected(items=[i for i in items if (i in sample) != (suite == "sample")])
    items[:] = kept


def sampled(items: Iterable[pytest.Item], most: int = CASES) -> Iterator[pytest.Item]:
    """At most `most` cases of each test function, evenly spread, and none that is marked `long`."""
    functions: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("long") is None:
            functions[item.nodeid.partition("[")[0]].append(item)
    for cases in functions.values():
        count = min(most, len(cases))
        yield from (cases[(2 * k + 1) * len(cases) // (2 * count)] for k in range(count))


def summary(config: pytest.Config) -> str | None:
    """What to run for the rest, where only a sample ran."""
    if config.option.suite != "sample":
        return None
    return (
        f"A sample ran: at most {CASES} cases of each test function. "
        "The full suite: pytest --suite=full; the slow tests: pytest -m slow."
    )


def _is_selected(config: pytest.Config) -> bool:
    """Whether the command line names tests, by path, keyword or marker."""
    chosen_paths = config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    own_marks = any(a == "-m" or a.startswith("-m=") for a in config.invocation_params.args)
    return (
        chosen_paths
        or own_marks
        or bool(config.option.keyword)
        or bool(getattr(config.option, "lf", False))
    )
