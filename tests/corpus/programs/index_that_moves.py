"""An inner loop follows links from node to node: its index is an ordinary variable that changes.

After Taichi #7771, where values read at an index that is overwritten in the loop went wrong.
"""

import numpy as np


def path_products(values, parent):
    total = 0.0
    for node in range(len(values)):
        at = node
        product = 1.0
        while at > 0:
            product = product * values[at] + 0.1 * values[parent[at]]
            at = parent[at]
        total += product * values[at]
    return total


EXAMPLES = [
    (np.array([0.5, 1.2, -0.7, 0.9, 1.4]), np.array([0, 0, 1, 1, 3])),
    (np.array([0.5, 1.2]), np.array([0, 0])),
]
WRT = (0,)
FUNCTION = path_products
