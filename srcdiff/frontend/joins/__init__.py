"""Joins of control flow: where two paths or two iterations meet, names get one value of one type.

In: the names that two paths bind; out: results of an `If`, or loop-carried values, with types that fit both.
Start with `phi`; `loop_carry` is one name that a loop carries.
"""
