"""The program of `srcdiff demo`.

In: nothing; out: a model, its gradient and a fit on the console.
Start with `demo`; `model` is what it differentiates.
"""
