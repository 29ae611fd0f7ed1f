"""The compiler driver: it joins the stages, from a function and a kind of derivative to a program.

In: a function, argument types and options; out: a `Program`, its text and its facts.
Start with `build`, then `derive`; `derivations` has the kinds of derivatives, `arguments` what calls are given.
"""
