"""The preparation pipeline: the passes between the frontend and differentiation, in their order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from srcdiff.ir.core import Call, Function, Op
from srcdiff.transforms.ad.directives.hook_reverse import settle_blocks
from srcdiff.transforms.analysis.dependence.unique_indices import mark_unique_indices
from srcdiff.transforms.analysis.memory_layout import Layouts, all_layouts
from srcdiff.transforms.common_passes import DCE
from srcdiff.transforms.guards.division_by_zero_length import note_divisors
from srcdiff.transforms.linalg.cholesky_systems import NAME as CHOLESKY
from srcdiff.transforms.linalg.cholesky_systems import definite_systems
from srcdiff.transforms.linalg.inline_policy import with_known_matrices
from srcdiff.transforms.linalg.lu_systems import NAME as SHARED_LU
from srcdiff.transforms.linalg.lu_systems import share_factors
from srcdiff.transforms.linalg.matrix_chain_order import NAME as PRODUCT_ORDER
from srcdiff.transforms.linalg.matrix_chain_order import order_products
from srcdiff.transforms.linalg.scaled_gemm import NAME as SCALED
from srcdiff.transforms.linalg.scaled_gemm import log_products
from srcdiff.transforms.linalg.triangular_systems import NAME as TRIANGULAR
from srcdiff.transforms.linalg.triangular_systems import triangular_systems
from srcdiff.transforms.passes import Form, Pass, all_statements, each_function, is_adjoint_block
from srcdiff.transforms.prepare.complex_writes import write_parts
from srcdiff.transforms.prepare.insert_loads import insert_reads, own_arguments
from srcdiff.transforms.prepare.rename_overwrites import rebind_whole
from srcdiff.transforms.prepare.reshape_copies import own_reshaped
from srcdiff.transforms.rewrite.named_abs_squared import name_abs_squared
from srcdiff.transforms.rewrite.named_sigmoid import name_sigmoids
from srcdiff.transforms.simplify.calls.inline import beside_masks, inline_chosen
from srcdiff.transforms.simplify.merge_branches import fold_identical_branches
from srcdiff.transforms.stability import stabilise


def with_layouts(fn: Function, change: Callable[[Function, Layouts], Function]) -> Function:
    """`change` applied to a function and to all callees, with the memory layouts of their arrays."""
    layouts = {**all_layouts(fn)}
    blocks = [
        s.attrs["block"] for s in all_statements(fn) if isinstance(s, Op) and is_adjoint_block(s)
    ]
    for block in blocks:  # an adjoint may have any layout
        layouts |= all_layouts(block, frozenset(block.params))
    return each_function(fn, lambda f: change(f, layouts))


def preparing(disabled: Collection[str] | None) -> tuple[Pass, ...]:
    """The passes that `prepare` runs."""
    owned, loads = (Form.OWNED,), (Form.LOADS,)
    solves = disabled is not None and not {TRIANGULAR, CHOLESKY, SHARED_LU} <= {*disabled}

    def of_context(fn: Function) -> set[Call]:
        return beside_masks(fn) | (with_known_matrices(fn) if solves else set())

    first = (
        Pass(
            "explicit reshape copies", lambda fn: with_layouts(fn, own_reshaped),
            "a reshape is a view, or a copy stands in front of it", "layouts are known from the user's operations",
            whole=True,
        ),
        Pass(
            "argument copies", own_arguments, "no argument is written", "copies stand before all writes", (), owned
        ),
        Pass(
            "complex part writes", write_parts, "a write into `w.real` is a write into `w`",
            "loads see writes of whole elements", owned,
        ),
        Pass(
            "array renaming", lambda fn: rebind_whole(settle_blocks(fn)),
            "a written array has one name, and an array that is overwritten whole is a new array",
            "a new array needs no loads, and rules match through it", owned,
        ),
        Pass(
            "load insertion", insert_reads, "each use of storage is a load: the contents at one moment are a value",
            "all later passes work on values", owned, loads,
        ),
        Pass(
            "context inlining", lambda fn: inline_chosen(fn, of_context),
            "a helper beside a mask, or one that solves a system, stands in its caller",
            "adjoints of the helper's operations see the mask, and the caller knows more about the matrix", loads,
        ),
        Pass(
            "divisor facts", note_divisors, "a length that Python's numbers are divided by is known not to be 0",
            "only the user's own divisions raise", loads,
        ),
        Pass(
            "unique index analysis", mark_unique_indices, "writes whose indices name no place twice are marked",
            "the adjoint of such a write needs no search for the last writer", loads,
        ),
    )  # fmt: skip
    last = (
        Pass(
            "sigmoid recognition", name_sigmoids, "a quotient that is a sigmoid has the derivative of a sigmoid",
            "stability rules match the quotient as written", loads,
        ),
        Pass(
            "squared magnitude recognition", name_abs_squared, "the square of an absolute value has no kink",
            "stability rules match the power as written", loads,
        ),
        DCE.at("a dead value has no derivative"),
    )  # fmt: skip
    return (*first, *(() if disabled is None else _rewriting(disabled)), *last)


def _rewriting(disabled: Collection[str]) -> Iterator[Pass]:
    """The passes that rewrite the user's lines, for accuracy or speed; options switch them off by name."""
    loads = (Form.LOADS,)
    yield Pass(
        "stability rewriting", lambda fn: stabilise(fn, disabled),
        "log(sigmoid), log-sum-exp and the like neither overflow nor cancel",
        "the derivative of the accurate form is accurate", loads, whole=True, stabilises=True,
    )  # fmt: skip
    yield Pass(
        "identical branch folding", fold_identical_branches, "two branches with the same statements are one",
        "stability rewriting makes branches equal", loads,
    )  # fmt: skip
    if PRODUCT_ORDER not in disabled:
        yield Pass(
            "matrix chain order", order_products, "a product of three matrices takes the cheaper order",
            "the derivative takes the same order", loads,
        )  # fmt: skip
    if TRIANGULAR not in disabled:
        yield Pass(
            "triangular solves", triangular_systems, "a triangular system is solved by substitution",
            "substitution is cheaper than any factorisation", loads,
        )  # fmt: skip
    if CHOLESKY not in disabled:
        yield Pass(
            "Cholesky solves", definite_systems, "a symmetric matrix has one Cholesky factor",
            "a Cholesky factor is cheaper than an LU factor", loads,
        )  # fmt: skip
    if SHARED_LU not in disabled:
        yield Pass(
            "LU sharing", share_factors, "systems with one matrix share its LU factor",
            "the matrices that remain are general", loads,
        )  # fmt: skip
    of_all = SCALED not in disabled
    yield Pass(
        "scaled matrix products", lambda fn: log_products(fn, of_all),
        "a log-sum-exp over states is a product of scaled matrices", "stability rewriting finds the terms", loads,
        stabilises=True,
    )  # fmt: skip
