"""Storage as parameters: what iterations allocate is as long as the longest of them needs it."""

import pytest
from transforms.passes import program

from srcdiff.ir.verify import verify
from srcdiff.transforms.gpu.device.preallocate import device_storage

LENGTHS = {
    "i+1": "n",
    "n-i": "n",
    "max(n-i-3, 0)": "max(n-3, 0)",
    "div(i, 2)+2": "div(n+1, 2)+1",
    "div(n-i, 2)": "div(n, 2)",
    "prod(i+1, n)": "prod(n, n)",
    "2*n-2*i": "2*n",
}


@pytest.mark.parametrize("length", LENGTHS)
def test_storage_of_an_iteration_has_room_for_all(length):
    fn = program(f"""
        def f(%x: float64[n], %z: float64!) -> 0 {{
          %0: int64{{n}} = axis_length[axis=0] %x
          %s: float64! = for 0, %0, 1 with %z {{
            (%i: int64{{i}}, %s.1: float64!) ->
            %b: float64[{length}] = empty_of[type=type(float64[{length}])] %i
            %a: float64! = index[where='i'] %x, %i
            store[where='i'] %b, %a, 0
            %c: float64! = index[where='i'] %b, 0
            %s.2: float64! = add %s.1, %c
            yield %s.2
          }}
          yield %s
        }}
    """)
    new = device_storage(fn)
    assert verify(new) == []
    (storage,) = new.target.storage
    assert str(storage.type) == f"float64[{LENGTHS[length]}]"
