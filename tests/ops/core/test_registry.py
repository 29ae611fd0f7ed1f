"""Declarations by name: composites whose modules are imported later, and the signatures of rules."""

import sys
from types import ModuleType

from srcdiff.ops.core import registry
from srcdiff.ops.core.registry import Composite, find_composite, signature_of_rule


def test_a_composite_is_found_once_its_module_is_imported(monkeypatch):
    module = ModuleType("a_module_of_users")
    module.area = lambda r: 3.0 * r**2
    made = Composite(module.area)
    pending = {"a_module_of_users": [("area", made), ("of_another_version", made)]}
    monkeypatch.setattr(registry, "_PENDING_COMPOSITES", pending)
    monkeypatch.setattr(registry, "_COMPOSITE_OF", {})
    assert find_composite(module.area) is None
    monkeypatch.setitem(sys.modules, "a_module_of_users", module)
    assert find_composite(module.area) is made
    assert not pending


def test_the_signature_of_a_rule_has_the_operands():
    def rule(x, *rest, axis: int | None = None, out, d_out):
        """The result and its adjoint are not given."""

    assert signature_of_rule(rule) == "x, *rest, axis=None"
