"""Matrix products from loops: loops of products become calls of BLAS, and large products are tiled by rows.

In: loops over products of rows; out: products of matrices.
Start with `outer_product_to_gemm`.
"""
