"""Loops of products as calls of matrix products, by tiles of rows.

In: loops over products of rows; out: products of matrices.
Start with `outer_product_to_gemm`.
"""
