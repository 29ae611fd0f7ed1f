"""Kernels of NVIDIA Warp, which reads their annotations: the same as in `benchmarks/gpu_loops.py`."""

import warp as wp


@wp.kernel
def potential(
    x: wp.array2d(dtype=wp.float64), weight: wp.array(dtype=wp.float64), energy: wp.array(dtype=wp.float64)
):  # fmt: skip
    i = wp.tid()
    e = wp.float64(0.0)
    for j in range(x.shape[0]):
        r2 = wp.float64(1.0)
        for k in range(3):
            r2 += (x[i, k] - x[j, k]) * (x[i, k] - x[j, k])
        e += weight[j] / wp.sqrt(r2)
    energy[i] = e
