"""Derivatives on CUDA devices: adjoints and tangents of one's own kernels, device functions for them (`g.cuda_device`),
and batches of items.

Needs the extra `cuda` and a device, or Numba's simulator (`NUMBA_ENABLE_CUDASIM=1`).
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
