"""What comes of a fit: posteriors, checks, saved files.

In: a fit; out: draws, diagnostics, text that needs no srcdiff.
Start with `posterior`.
"""
