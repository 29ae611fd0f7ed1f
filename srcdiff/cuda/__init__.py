"""Derivatives on CUDA devices: device functions for one's own kernels (`g.cuda_device`), and batches of items.

Needs the extra `cuda` and a device, or Numba's simulator (`NUMBA_ENABLE_CUDASIM=1`).
"""

from srcdiff.cuda.batches import Batched, batched
from srcdiff.cuda.device import DeviceFunction, Scratch

__all__ = ["Batched", "DeviceFunction", "Scratch", "batched"]
