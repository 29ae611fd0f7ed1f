"""Forward mode of kernels: the tangent kernel computes tangents beside the values of each thread.

    def f(x, y):                                def f_tangent(x, y, x_dot, y_dot):
        i = cuda.grid(1)                            i = cuda.grid(1)
        if i < len(x):                becomes       if i < len(x):
            y[i] = x[i] * x[i]                          y[i] = x[i] * x[i]
                                                        y_dot[i] = 2.0 * x[i] * x_dot[i]

The tangents of the arrays are further parameters.
"""

from __future__ import annotations

from dataclasses import replace

from srcdiff.ir.core import Function, Node
from srcdiff.transforms.ad.adjoints.reverse_state import Rules
from srcdiff.transforms.ad.forward import forward
from srcdiff.transforms.ad.tangents import ForwardRules
from srcdiff.transforms.gpu.kernels.reverse import float_arrays, shadow_names


def kernel_tangent(fn: Function, rules: Rules, forward_rules: ForwardRules) -> Function:
    """The tangent kernel of a kernel with loads inserted."""
    wrt = float_arrays(fn)
    names = shadow_names(fn, "{}_dot")
    yields = tuple(fn.params[k] for k in wrt)
    output = Node("tuple", tuple(range(len(wrt))), tuple(range(len(wrt))))
    whole = replace(fn, body=replace(fn.body, yields=yields), output=output)
    new = forward(whole, wrt, rules, forward_rules, value=False, names=names)
    return replace(
        new,
        name=f"{fn.name}_tangent",
        body=replace(new.body, yields=()),
        output=Node("tuple", (), ()),
        target=replace(new.target, is_kernel=True),
    )
