"""Values from before a loop are used after it, though hardly inside it.

After NVIDIA Warp #1694, where the adjoint of such a value vanished when the loop's bound was known
at run time only: through-thickness integration in a shell element.
"""

import math


def shell_force(x0, x1, thickness, modulus, layers):
    length = math.sqrt(x1 * x1 + x0 * x0)
    strain = (length - 1.0) / length
    bending = x0 * x1 / length
    stiffness = 0.0
    for k in range(layers):
        z = thickness * ((k + 0.5) / layers - 0.5)
        stiffness += modulus * (1.0 + z * z) / layers
    return stiffness * strain * length + bending**2 * thickness


EXAMPLES = [(0.7, 1.2, 0.1, 2.0, 3), (1.5, 0.4, 0.3, 1.1, 1), (1.5, 0.4, 0.3, 1.1, 0)]
WRT = (0, 1, 2, 3)
FUNCTION = shell_force
