"""Results of a fit: posteriors, diagnostics, saved files.

In: a fit; out: draws, diagnostics, and text that does not need srcdiff. Start with `posterior`.
"""
