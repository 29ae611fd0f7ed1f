"""Products, inverses and systems of matrices in better order or form.

In: linear algebra as written; out: fewer or cheaper factorisations and products.
Start with `shared_factorisation`.
"""
