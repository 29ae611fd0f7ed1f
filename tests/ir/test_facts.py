"""Facts about functions, in groups."""

from dataclasses import fields

import pytest

from srcdiff.ir.core import Function, Node, Region
from srcdiff.ir.facts import GROUPS, Interface, LengthFacts, SourceFacts, grouped, listed
from srcdiff.ir.recursion import stand_in
from srcdiff.ir.types import Dim

EMPTY = Function("f", Region((), (), ()), Node("tuple", (), ()))


def test_no_two_groups_share_a_name():
    names = [f.name for group in GROUPS.values() for f in fields(group)]
    assert len(names) == len(set(names))


def test_groups_are_the_fields_of_a_function():
    own = {f.name for f in fields(Function)} - {"name", "body", "output", "doc", "location"}
    assert own == set(GROUPS)
    assert all(getattr(EMPTY, name) == default for name, default in GROUPS.items())


def test_facts_that_are_listed_are_grouped_again():
    fn = Function(
        "f",
        EMPTY.body,
        EMPTY.output,
        lengths=LengthFacts(positive=("n",)),
        source=SourceFacts(static={"axis": 1}, watched={"n": object()}),
    )
    assert listed(EMPTY) == {}
    assert listed(fn) == {"positive": ("n",), "static": {"axis": 1}}  # the rest is this process's
    assert grouped(listed(fn)) == {
        "lengths": LengthFacts(positive=("n",)),
        "source": SourceFacts(static={"axis": 1}),
    }
    with pytest.raises(ValueError, match="no fact colour"):
        grouped({"colour": 1})


def test_a_stand_in_has_the_interface_of_its_function_alone():
    fn = Function(
        "f",
        EMPTY.body,
        EMPTY.output,
        interface=Interface(written_params=(0,)),
        lengths=LengthFacts(required=((Dim.of("n"), Dim(2)),)),
    )
    made = stand_in(fn)
    assert made.interface == Interface(is_stand_in=True, written_params=(0,))
    assert made.lengths == LengthFacts()
