"""Where the stages are joined: a function and a kind of derivative become a program.

In: a function, argument types and options; out: a `Program`, its text and its facts.
Start with `build`, then `derive`.
"""
