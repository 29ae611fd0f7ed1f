"""Sums and products in normal forms.

In: arithmetic; out: factored arithmetic, adjoints that are zero found as such.
Start with `polynomials`, then `reassociate`.
"""
