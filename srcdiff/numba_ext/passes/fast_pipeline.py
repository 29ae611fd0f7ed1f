"""Numba's compiler pipeline for generated functions, with less work and the same results.

Generated functions are long and straight-line, which makes some of Numba's steps slow: each call, subscript and
operation is typed anew although most have the same types, and each variable with two assignments costs one more walk
over the whole function. Other passes look for constructs that generated functions rarely have.
"""

from __future__ import annotations

import contextlib
import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba.core import analysis, ir, ssa, types
from numba.core.compiler import StateDict
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.ir_utils import build_definitions
from numba.core.registry import cpu_target
from numba.core.typed_passes import NopythonRewrites, NopythonTypeInference
from numba.core.untyped_passes import DeadBranchPrune, InlineClosureLikes, ReconstructSSA


def take_short_ways(passes: PassManager) -> None:
    """Replace Numba's own passes by those of this module."""
    ours = (_Inference, _SingleAssignment, _Closures, _Pruning, _ArrayExpressions)
    shorter = {c.__mro__[1]: c for c in ours}
    passes.passes = [(shorter.get(p, p), description) for p, description in passes.passes]


@contextlib.contextmanager
def remembering_registries(state: StateDict) -> Iterator[None]:
    """Within this context, a refresh of a typing or target context visits only the registries that have grown.

    Each function of NumPy's that is typed, and each new intrinsic, refreshes both contexts: hundreds of times for one
    program.
    """
    contexts = {id(c): c for c in (state.typingctx, cpu_target.target_context, state.targetctx)}
    ours = [c for c in contexts.values() if "refresh" not in vars(c)]
    for c in ours:
        c.refresh = _refreshing(c)
    try:
        yield
    finally:
        for c in ours:
            del c.refresh


def _refreshing(context: Any) -> Callable[[], None]:
    seen: dict[Any, int] = {}

    def refresh() -> None:
        if not seen:
            type(context).refresh(context)
            seen.update(counts())
        for registry, count in counts():
            if seen.get(registry) != count:
                context.install_registry(registry)
                seen[registry] = count
        if hasattr(context, "typing_context"):
            context.typing_context.refresh()

    def counts() -> list[tuple[Any, int]]:
        known = context._registries.items()
        return [(r, sum(len(getattr(r, k)) for k in loader.registry_items)) for r, loader in known]

    return refresh


@register_pass(mutates_CFG=True, analysis_only=False)
class _Inference(NopythonTypeInference):
    """Type inference with memoised results of calls."""

    _name = "srcdiff_type_inference"

    def run_pass(self, state: StateDict) -> bool:
        context = state.typingctx
        state.typingctx = _remembering(context)
        try:
            return bool(super().run_pass(state))
        finally:
            state.typingctx = context


def _remembering(context: Any) -> Any:
    """A context that shares all with this one, and memoises the types of calls."""
    known: dict[Any, Any] = {}
    same = copy.copy(context)

    def resolve_function_type(function: Any, args: Any, kws: Any) -> Any:
        try:
            key = (function, tuple(args), tuple(kws.items()) if kws else ())
            found = known.get(key)
        except TypeError:  # cannot be hashed
            return context.resolve_function_type(function, args, kws)
        if found is None:
            found = context.resolve_function_type(function, args, kws)
            if found is not None:
                known[key] = found
        return found

    same.resolve_function_type = resolve_function_type
    return same


@register_pass(mutates_CFG=False, analysis_only=False)
class _SingleAssignment(ReconstructSSA):
    """SSA construction: for each variable, only the blocks that mention it are visited."""

    _name = "srcdiff_single_assignment"

    def run_pass(self, state: StateDict) -> bool:
        _assign_once(state.func_ir)
        self._patch_locals(state)
        state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        return True


def _assign_once(function: ir.FunctionIR) -> None:
    """As `numba.core.ssa.reconstruct_ssa`: phi statements at the places where definitions meet."""
    blocks = function.blocks
    flow = analysis.compute_cfg_from_blocks(blocks)
    frontiers = ssa._iterated_domfronts(flow)
    again = ssa._find_defs_violators(blocks, flow)
    used = ssa._CacheListVars()
    labels = _where(blocks, set(again))
    for name in again:
        mentions = {label: blocks[label] for label in labels[name]}
        fresh, definitions = ssa._fresh_vars(mentions, name)
        states = ssa._make_states(fresh)
        phis: dict[object, list[object]] = defaultdict(list)
        states.update(varname=name, defmap=definitions, phimap=phis, cfg=flow)
        states["phi_locations"] = ssa._compute_phi_locations(frontiers, definitions)
        blocks.update(ssa._run_block_rewrite(fresh, states, ssa._FixSSAVars(used)))
        for label, statements in phis.items():
            blocks[label].body = statements + blocks[label].body


def _where(blocks: Any, names: set[str]) -> dict[str, list[object]]:
    """The blocks, in order, that mention each of some variables."""
    found: dict[str, list[Any]] = defaultdict(list)
    for label, block in blocks.items():
        mentioned = {v.name for s in block.body for v in s.list_vars()}
        for name in mentioned & names:
            found[name].append(label)
    return found


@register_pass(mutates_CFG=True, analysis_only=False)
class _Closures(InlineClosureLikes):
    """Numba's pass for nested functions, and for lists that become arrays: it runs only if there are any."""

    _name = "srcdiff_closures"

    def run_pass(self, state: StateDict) -> bool:
        if not state.flags.auto_parallel.enabled and not _has(state, _LISTED):
            return False
        return bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class _Pruning(DeadBranchPrune):
    """Dead branch pruning. It is left out if a function builds lists: an append in a dead branch may determine a list's
    type.
    """

    _name = "srcdiff_pruning"

    def run_pass(self, state: StateDict) -> bool:
        return False if _has(state, ("build_list",)) else bool(super().run_pass(state))


@register_pass(mutates_CFG=True, analysis_only=False)
class _ArrayExpressions(NopythonRewrites):
    """Numba's pass that fuses operations on whole arrays: it runs only if there are any."""

    _name = "srcdiff_array_expressions"

    def run_pass(self, state: StateDict) -> bool:
        in_parallel = state.flags.auto_parallel.enabled
        if not in_parallel and not _has(state, _LISTED) and not _on_arrays(state):
            return False
        return bool(super().run_pass(state))


_LISTED = ("make_function", "build_list", "list_to_tuple", "list_extend")


def _has(state: StateDict, operations: tuple[str, ...]) -> bool:
    return any(e.op in operations for _, e in _expressions(state))


def _on_arrays(state: StateDict) -> bool:
    """Whether an operation has an array as its result, or fields of a record are read."""
    kinds = state.typemap
    if any(isinstance(t, types.Record | types.NestedArray) for t in kinds.values()):
        return True
    return any(
        isinstance(kinds[target], types.ArrayCompatible)
        and (e.op in ("unary", "binop") or (e.op == "call" and _is_ufunc(kinds[e.func.name])))
        for target, e in _expressions(state)
    )


def _is_ufunc(function: types.Type) -> bool:
    key = getattr(function, "typing_key", None)
    return isinstance(key, np.ufunc) or hasattr(key, "ufunc")


def _expressions(state: StateDict) -> Iterator[tuple[str, Any]]:
    for block in state.func_ir.blocks.values():
        for s in block.body:
            if isinstance(s, ir.Assign) and isinstance(s.value, ir.Expr):
                yield s.target.name, s.value
