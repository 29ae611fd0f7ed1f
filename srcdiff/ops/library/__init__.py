"""Functions of NumPy and SciPy, written as Python over other operations; importing this package declares them.

In: a callable of a library; out: a composite, whose Python the frontend reads in the place of the call.
Start with `numpy/differences`.
"""

import srcdiff.ops.library.linalg.batched
import srcdiff.ops.library.linalg.numpy_linalg
import srcdiff.ops.library.linalg.products
import srcdiff.ops.library.linalg.scipy_linalg
import srcdiff.ops.library.linalg.structured
import srcdiff.ops.library.numpy.complex_order
import srcdiff.ops.library.numpy.counting
import srcdiff.ops.library.numpy.differences
import srcdiff.ops.library.numpy.elementwise
import srcdiff.ops.library.numpy.joining
import srcdiff.ops.library.numpy.memory_order
import srcdiff.ops.library.numpy.pad
import srcdiff.ops.library.numpy.polynomial
import srcdiff.ops.library.numpy.quantile
import srcdiff.ops.library.numpy.rearrange
import srcdiff.ops.library.numpy.select
import srcdiff.ops.library.numpy.sorting
import srcdiff.ops.library.numpy.variants
import srcdiff.ops.library.signal.convolve_modes
import srcdiff.ops.library.signal.fft
import srcdiff.ops.library.signal.grid_filters
import srcdiff.ops.library.signal.integrate
import srcdiff.ops.library.signal.interpolate
import srcdiff.ops.library.stats.continuous
import srcdiff.ops.library.stats.discrete
import srcdiff.ops.library.stats.moments
import srcdiff.ops.library.stats.positive
import srcdiff.ops.library.stats.special
import srcdiff.ops.library.stats.special_aliases
import srcdiff.ops.library.ufuncs.nan_reductions
import srcdiff.ops.library.ufuncs.reduce_where
import srcdiff.ops.library.ufuncs.ufunc_accumulate
import srcdiff.ops.library.ufuncs.ufunc_at
import srcdiff.ops.library.ufuncs.ufunc_methods
