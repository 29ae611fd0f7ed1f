"""GradBench's hand tracking: a hand of bones in a pose, and how far its vertices are from measured points.

The pose has 26 parameters: rotation and translation of all, and four angles a finger. In the simple form a measured
point belongs to a vertex, in the other to a place in a triangle, whose two coordinates are parameters as well: the
Jacobian has their columns first, of which each point has only its own.
"""

from __future__ import annotations

import numpy as np

from benchmarks.data import generator

SMALL = {"bones": 22, "vertices": 12, "points": 7}
FINGERS = 5


def make(bones, vertices, points):
    """A model that is random, except that parents stand in front of their children."""
    rng = generator(bones, vertices, points)
    parents = np.array([-1, *(rng.integers(k) for k in range(1, bones))])
    base = np.concatenate((rng.normal(size=(vertices, 3)), np.ones((vertices, 1))), axis=1)
    model = (
        parents,
        np.eye(4) + 0.1 * rng.normal(size=(bones, 4, 4)),
        np.eye(4) + 0.1 * rng.normal(size=(bones, 4, 4)),
        base,
        rng.dirichlet(np.ones(bones), size=vertices),
        False,
    )
    places = rng.integers(vertices, size=points)
    triangles = rng.integers(vertices, size=(points, 3))
    measured = rng.normal(size=(points, 3))
    return 0.3 * rng.normal(size=26), rng.random((points, 2)), model, places, triangles, measured


def turned(angle_axis):
    """The rotation by an axis whose length is the angle."""
    angle = np.sqrt(np.sum(angle_axis**2))
    if angle < 0.0001:
        return np.eye(3)
    x, y, z = angle_axis / angle
    sine, cosine = np.sin(angle), np.cos(angle)
    rest = 1.0 - cosine
    return np.array(
        [
            [x * x + (1.0 - x * x) * cosine, x * y * rest - z * sine, x * z * rest + y * sine],
            [x * y * rest + z * sine, y * y + (1.0 - y * y) * cosine, y * z * rest - x * sine],
            [x * z * rest - y * sine, z * y * rest + x * sine, z * z + (1.0 - z * z) * cosine],
        ]
    )


def angles_of_bones(theta, bones):
    """Of each bone, the angles about x, z and y; those that are no parameters are 0."""
    angles = np.zeros((bones, 3))
    k = 6
    for finger in range(FINGERS):
        first = 2 + 4 * finger
        angles[first, :2] = theta[k : k + 2]
        angles[first + 1, 0] = theta[k + 2]
        angles[first + 2, 0] = theta[k + 3]
        k += 4
    return angles


def rotations(angles):
    """About x, then y, then z, as matrices of four."""
    sines, cosines = np.sin(angles), np.cos(angles)
    sx, sz, sy = sines[:, 0], sines[:, 1], sines[:, 2]
    cx, cz, cy = cosines[:, 0], cosines[:, 1], cosines[:, 2]
    out = np.zeros((len(angles), 4, 4))
    out[:, 0, 0] = cz * cy
    out[:, 0, 1] = cz * sy * sx - sz * cx
    out[:, 0, 2] = cz * sy * cx + sz * sx
    out[:, 1, 0] = sz * cy
    out[:, 1, 1] = sz * sy * sx + cz * cx
    out[:, 1, 2] = sz * sy * cx - cz * sx
    out[:, 2, 0] = -sy
    out[:, 2, 1] = cy * sx
    out[:, 2, 2] = cy * cx
    out[:, 3, 3] = 1.0
    return out


def vertices_of(theta, parents, base_relatives, inverse_base_absolutes, base, weights, is_mirrored):
    """Where the vertices are, in a pose."""
    relatives = base_relatives @ rotations(angles_of_bones(theta, len(parents)))
    absolutes = np.empty_like(relatives)
    for k in range(len(parents)):
        if parents[k] < 0:
            absolutes[k] = relatives[k]
        else:
            absolutes[k] = absolutes[parents[k]] @ relatives[k]
    transforms = absolutes @ inverse_base_absolutes
    moved = np.einsum("kij,vj,vk->vi", transforms[:, :3], base, weights)
    if is_mirrored:
        moved = moved * np.array([-1.0, 1.0, 1.0])
    return moved @ turned(theta[:3]).T + theta[3:6]


def simple(theta, model, places, measured):
    parents, relatives, inverses, base, weights, is_mirrored = model
    found = vertices_of(theta, parents, relatives, inverses, base, weights, is_mirrored)
    return (measured - found[places]).ravel()


def complicated(theta, us, model, triangles, measured):
    parents, relatives, inverses, base, weights, is_mirrored = model
    found = vertices_of(theta, parents, relatives, inverses, base, weights, is_mirrored)
    corners = found[triangles]
    third = 1.0 - us[:, 0] - us[:, 1]
    hand = us[:, :1] * corners[:, 0] + us[:, 1:] * corners[:, 1] + third[:, None] * corners[:, 2]
    return (measured - hand).ravel()


def jacobians(srcdiff, **options):
    """The Jacobian of each form as GradBench wants it."""
    of_pose = srcdiff.jacobian(simple, **options)
    of_theta = srcdiff.jacobian(complicated, **options)
    of_places = srcdiff.make_jvp(complicated, argnums=1, **options)

    def jacobian(theta, us, model, places, triangles, measured):
        if not len(us):
            return of_pose(theta, model, places, measured)
        along = of_places(theta, us, model, triangles, measured)
        first, second = np.zeros_like(us), np.zeros_like(us)
        first[:, 0], second[:, 1] = 1.0, 1.0
        columns = np.stack((along(first)[1], along(second)[1]), axis=1)
        return np.hstack((columns, of_theta(theta, us, model, triangles, measured)))

    return jacobian
