"""A pressure field in column order: its columns are strung together, and the ends of the string are held at zero."""

import numpy as np


def roughness(field, spacing):
    pressure = field.T * spacing
    columns = pressure.ravel()
    columns[0] = 0.0
    columns[-1] = 0.0
    return np.sum(np.diff(columns) ** 2) + np.sum(pressure[0] ** 2)


EXAMPLES = [
    (np.array([[0.3, 1.0], [-0.4, 0.8], [0.9, 0.2]]), 1.2),
    (np.array([[0.5, -1.0, 0.2]]), 0.7),
]
WRT = (0, 1)
FUNCTION = roughness
