"""Code generation: IR becomes Python text that reads as a person's.

In: a function; out: the text of a module, and the module.
Start with `plan/lower`, then `text/statements`; `module/module` joins them.
"""
