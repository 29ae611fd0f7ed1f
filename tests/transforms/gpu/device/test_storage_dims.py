"""Lengths on devices: lengths and casts of arrays in plain operations."""

import numpy as np
from transforms.passes import changed, program

from srcdiff.ir.syntax.printer import to_text
from srcdiff.transforms.gpu.device.storage_dims import device_lengths


def test_lengths_are_those_of_arguments_and_arrays_are_cast_element_by_element():
    fn = program("""
        def f(%x: float64[n], %z: float64[n, m]) -> tuple(0: 0, 1: 1, 2: 2, 3: 3, 4: 4) {
          %a: int64{m} = axis_length[axis=1] %z
          %b: int64 = size %z
          %c: int64{n} = count[axis=0] %z
          %d: int32[n] = astype[dtype='int32'] %x
          %e: int64[n, m] = astype[dtype='int64'] %z
          yield %a, %b, %c, %d, %e
        }
    """)
    new = changed(device_lengths, fn, np.array([1.0, 2.7]), np.arange(6.0).reshape(2, 3) * 1.5)
    text = to_text(new)
    assert not any(name in text for name in ("axis_length", "size", "count"))
    assert text.count("astype") == text.count("store") == 2
