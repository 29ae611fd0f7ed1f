"""Methods and keywords of ufuncs and reductions, written as Python over other operations.

In: `np.add.reduce`, `where=`, `np.nansum` and the like; out: composites.
Start with `ufunc_methods`.
"""
