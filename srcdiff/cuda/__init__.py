"""Derivatives on CUDA devices: adjoints and tangents of the user's kernels, device functions (`g.cuda_device`), and
calls over batches of items.

The package needs the extra `cuda` and a device, or Numba's simulator (`NUMBA_ENABLE_CUDASIM=1`).

In: kernels, or generated functions and arrays on a device; out: kernels that are launched, results on the device. Start
with `adjoints` (kernels) and `batches` (items); `kernel_program` and `device_program` generate their texts.
"""

from srcdiff.cuda.adjoints import DerivedKernel, NestedKernel, adjoint, tangent
from srcdiff.cuda.batches import Batched, batched
from srcdiff.cuda.device import DeviceFunction, Scratch

__all__ = [
    "Batched",
    "DerivedKernel",
    "DeviceFunction",
    "NestedKernel",
    "Scratch",
    "adjoint",
    "batched",
    "tangent",
]
