"""Values that may be absent and have no lengths to compare: nothing reads them before they have a value."""

from __future__ import annotations

from collections.abc import Iterator, Set

from srcdiff.ir.core import For, Function, Op, While, regions_of, walk
from srcdiff.ir.definedness import is_undefined, perhaps_undefined
from srcdiff.ir.values import Value
from srcdiff.ops.arrays import containers
from srcdiff.transforms.analysis.defuse import count_uses

_ITEMS = (containers.list_item, containers.list_pop)


def without_lengths(fn: Function) -> Set[Value]:
    """Undefined values, names that each iteration binds before it reads them, and items of lists of the compiler's,
    on which names are kept that may have no value yet.
    """
    return perhaps_undefined(fn) & {*_undefined_or_kept(fn), *_not_read(fn)}


def _undefined_or_kept(fn: Function) -> Iterator[Value]:
    for s in walk(fn.body):
        if is_undefined(s):
            yield from s.results
        elif isinstance(s, Op) and s.decl in _ITEMS and not getattr(s.operands[0], "user", False):
            yield s.result


def _not_read(fn: Function) -> Iterator[Value]:
    """Parameters of iterations that have no use but as initial values of inner loops, which do not read them either."""
    uses = count_uses(fn)
    for loop in reversed([s for s in walk(fn.body) if isinstance(s, For | While)]):
        for k, given in enumerate(loop.carried, -len(loop.carried)):
            params = [region.params[k] for region in regions_of(loop)]
            if not any(map(uses.get, params)):
                yield from params
                if isinstance(given, Value):
                    uses[given] -= 1
