"""The sample of tests that a plain `pytest` runs."""

from dataclasses import dataclass

from suites import CASES, sampled


@dataclass(frozen=True)
class Case:
    nodeid: str
    is_long: bool = False

    def get_closest_marker(self, name):
        return name if self.is_long and name == "long" else None


def cases(count, **facts):
    return [Case(f"test_a.py::test_sum[{k}]", **facts) for k in range(count)]


def test_a_function_of_many_cases_is_sampled_evenly():
    chosen = [c.nodeid for c in sampled(cases(30))]
    assert chosen == [f"test_a.py::test_sum[{k}]" for k in (7, 22)]


def test_every_function_that_is_not_long_is_in_the_sample():
    for count in range(1, 9):
        chosen = list(sampled([*cases(count), Case("test_a.py::test_one")]))
        assert len(set(chosen)) == len(chosen) == min(count, CASES) + 1
    assert not list(sampled(cases(4, is_long=True)))
