"""A module a problem. Each says

* `SIZES`, `QUICK`: keyword arguments of `make`, a dict a row of the table; `SMALL`: those of the tests;
* `make(**size)`: the arguments; `WRT`: which of them are differentiated;
* `objective` and `loops`: the function as a NumPy user, and as a Numba user, would write it (one may be missing);
* `hand(*args)`: value and gradient by hand, fused, compiled by Numba; `hand_value(*args)`: the value alone, likewise;
* `LEFT_OUT` (if need be): columns that a size would keep waiting for minutes: column -> a test of the size.
"""
