"""Rewriting of linear algebra: products, inverses and linear systems in a cheaper order or form.

In: linear algebra as written; out: fewer or cheaper factorisations and products.
Start with `shared_factorisation`.
"""
