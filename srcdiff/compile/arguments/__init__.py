"""The arguments of a call: trees of containers, batches, binding to parameters, and types.

In: the arguments of a call; out: a bound call with argument types; arguments without a derivative are refused.
Start with `signature`; `pytree` has the containers, `batch` the types of one item.
"""
