"""Interfaces of other libraries: autograd's makers, Theano's shared values.

In: functions; out: the same objects that `srcdiff.grad` and its siblings give. Start with `autograd_names`.
"""
