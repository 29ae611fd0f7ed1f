"""Every program of the corpus is a kernel that gives what the CPU gives, or is refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest
from corpus_loader import Program, load

import srcdiff
from srcdiff.compile.arguments.pytree import leaves
from srcdiff.errors import UnsupportedError
from srcdiff.runtime.cuda.numba_cuda_api import device_problem

pytestmark = pytest.mark.skipif(device_problem() is not None, reason="no device, no simulator")

# Programs that are no kernels, by what the error says.
REFUSED: dict[str, str] = {
    **dict.fromkeys(
        [
            "mlp",
            "break_without_values_after",
            "em_mixture",
            "exchange_pathways",
            "fractional_part",
            "garch_likelihood",
            "helpers_in_a_chain",
            "horner",
            "inside_chart",
            "kalman_named_tuple",
            "layers_keep_activations",
            "list_made_in_each_iteration",
            "list_of_array_changed",
            "list_of_rows_joined",
            "list_on_one_path",
            "list_weighted",
            "lists_by_helpers",
            "lists_in_containers",
            "lists_made_of_lists",
            "lists_of_lists",
            "lists_of_zeros",
            "names_on_one_path",
            "nested_parameters",
            "powers_of_joined_slices",
            "ragged_spike_trains",
            "reciprocal_after_loop",
            "repeated_squaring",
            "residual_stream",
            "rows_scaled_in_place",
            "sum_then_scale",
            "ternary_in_loop",
            "trajectory_list",
            "trajectory_list_of_arrays",
            "two_pass_variance",
            "different_arrays_swapped_in_loop",
            "whole_numbers_on_lists",
        ],
        "list",
    ),
    **dict.fromkeys(
        [
            "precision_factors",
            "swapped_buffers",
            "different_arrays_swapped_in_branch",
            "write_through_transpose",
        ],
        "of arrays: kernels have loops over numbers only",
    ),
    **dict.fromkeys(
        [
            "attention",
            "board_of_moves",
            "max_pool_loops",
        ],
        "known only when the program runs",
    ),
    **dict.fromkeys(
        ["fixed_point_two_iterates"],
        "allocates and passes on",
    ),
    **dict.fromkeys(["phase_plate", "two_level_atom"], "complex numbers"),
    "conjugate_gradient_tolerance": "an array that not every iteration or branch makes",
}


def test_most_of_the_corpus_is_kernels() -> None:
    assert len(load("all")) - len(REFUSED) >= 130


@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_a_kernel_gives_what_the_cpu_gives(program: Program) -> None:
    options = {"argnums": program.wrt, "on_independent": "ignore"}
    on_device = srcdiff.value_and_grad(program.function, target="cuda", **options)
    if program.name in REFUSED:
        with pytest.raises(UnsupportedError, match=REFUSED[program.name]):
            on_device(*program.arguments(0))
        return
    on_host = srcdiff.value_and_grad(program.function, jit=False, **options)
    found, expected = on_device(*program.arguments(0)), on_host(*program.arguments(0))
    pairs = zip(leaves(found), leaves(expected), strict=True)
    for mine, own in pairs:
        assert (mine is None) == (own is None)
        if own is not None:
            assert np.shape(mine) == np.shape(own)
            np.testing.assert_allclose(mine, own, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("program", load("all"), ids=repr)
def test_a_kernel_of_float32_gives_what_the_cpu_gives(program: Program) -> None:
    floats = [isinstance(a, np.ndarray) and a.dtype == np.float64 for a in program.arguments(0)]
    if program.name in REFUSED or not any(floats):
        pytest.skip("no kernel, or no arrays of floats")

    def arguments():
        pairs = zip(program.arguments(0), floats, strict=True)
        return [a.astype(np.float32) if is_float else a for a, is_float in pairs]

    options = {"argnums": program.wrt, "on_independent": "ignore"}
    try:
        expected = srcdiff.value_and_grad(program.function, jit=False, **options)(*arguments())
        found = srcdiff.value_and_grad(program.function, target="cuda", **options)(*arguments())
    except UnsupportedError as reason:  # helpers that get float32 and float64 are not inlined
        pytest.skip(reason.message)
    for mine, own in zip(leaves(found), leaves(expected), strict=True):
        if own is not None:
            scale = 1e-5 * max(1.0, np.max(np.abs(own), initial=0.0))
            np.testing.assert_allclose(mine, own, rtol=1e-3, atol=scale)


def test_an_adjoint_that_starts_as_an_argument_is_a_copy_of_it() -> None:
    (program,) = [p for p in load("all") if p.name == "buffer_reused"]
    X, w = (a.astype(np.float32) for a in program.arguments(0))
    found = srcdiff.value_and_grad(program.function, argnums=(0, 1), target="cuda")(X, w)
    expected = srcdiff.value_and_grad(program.function, argnums=(0, 1), jit=False)(X, w)
    for mine, own in zip(leaves(found), leaves(expected), strict=True):
        np.testing.assert_allclose(mine, own, rtol=1e-4, atol=1e-5)
