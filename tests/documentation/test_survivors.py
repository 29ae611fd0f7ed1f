"""The reasons for planted defects that survive: each belongs to code that is there."""

from tools.planted_defects import ROOT, defects_of_code
from tools.verdicts import reasons


def test_each_reason_belongs_to_a_change_that_can_be_made():
    known = reasons()
    there = {d.key for path in {path for path, *_ in known} for d in defects_of_code(ROOT / path)}
    assert known and not known.keys() - there
