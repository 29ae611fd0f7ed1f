"""Translation validation: a function before and after a pass in, nothing or a `ValidationError` out.

Start with `validate.py`: it runs the reference evaluator at the arguments of a call and at drawn arguments.
"""
