"""The operations, one declaration each; importing this package declares all of them.

In: the callables of NumPy, SciPy and Python; out: the registry, by which every stage finds what an operation is.
Start with `core/registry`, then `elementwise/elementary`; `library` has functions that are Python over these.
"""

import srcdiff.ops.arrays.containers
import srcdiff.ops.arrays.creation
import srcdiff.ops.arrays.memory
import srcdiff.ops.arrays.memory_overlap
import srcdiff.ops.arrays.reductions
import srcdiff.ops.arrays.running
import srcdiff.ops.arrays.sizes
import srcdiff.ops.arrays.variances
import srcdiff.ops.control.adjoint_hooks
import srcdiff.ops.control.control
import srcdiff.ops.control.semiring_ops
import srcdiff.ops.core.scalar_spellings
import srcdiff.ops.elementwise.arithmetic
import srcdiff.ops.elementwise.bessel
import srcdiff.ops.elementwise.complex_numbers
import srcdiff.ops.elementwise.conversions
import srcdiff.ops.elementwise.elementary
import srcdiff.ops.elementwise.exponential_integrals
import srcdiff.ops.elementwise.gamma
import srcdiff.ops.elementwise.rounding
import srcdiff.ops.elementwise.sinc_and_remainders
import srcdiff.ops.elementwise.special
import srcdiff.ops.elementwise.trigonometric
import srcdiff.ops.indices.masks
import srcdiff.ops.indices.sorting
import srcdiff.ops.indices.triangles
import srcdiff.ops.library
import srcdiff.ops.linalg.cross
import srcdiff.ops.linalg.eigenvalues
import srcdiff.ops.linalg.einsum
import srcdiff.ops.linalg.factor_solves
import srcdiff.ops.linalg.factorisations
import srcdiff.ops.linalg.matrix_equations
import srcdiff.ops.linalg.matrix_functions
import srcdiff.ops.linalg.products
import srcdiff.ops.linalg.shared_factors
import srcdiff.ops.linalg.solve
import srcdiff.ops.linalg.sparse
import srcdiff.ops.shapes.concatenate
import srcdiff.ops.shapes.diagonals
import srcdiff.ops.shapes.permutations
import srcdiff.ops.shapes.repeat
import srcdiff.ops.shapes.reshapes
import srcdiff.ops.signal.convolve
import srcdiff.ops.signal.fft
import srcdiff.ops.signal.filters
