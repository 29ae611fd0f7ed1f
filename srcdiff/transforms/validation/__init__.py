"""Translation validation: each pass is checked by evaluating the function before and after it.

In: the two functions; out: nothing, or a `ValidationError`.
Start with `validate`, which runs the reference evaluator at the arguments of a call and at drawn arguments.
"""
