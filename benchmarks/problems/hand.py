"""GradBench's hand tracking: a hand of bones in a pose, and how far its vertices are from measured points.

The pose has 26 parameters: rotation and translation of all, and four angles a finger. In the simple form a measured
point belongs to a vertex, in the other to a place in a triangle, whose two coordinates are parameters as well: the
Jacobian has their columns first, of which each point has only its own.
"""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"bones": 22, "vertices": 544, "points": n} for n in (200, 1600)]
QUICK = [{"bones": 22, "vertices": 50, "points": 20}]
WRT = 0
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


def along_all(both, us, model, triangles, measured):
    """The form with triangles at the pose behind two steps that all places in triangles take; the steps are 0."""
    return complicated(both[2:], us + both[:2], model, triangles, measured)


def jacobians(srcdiff, **options):
    """The Jacobian of each form as GradBench wants it: by the coordinates of a point's own place, then by the pose."""
    of_pose = srcdiff.jacobian(simple, **options)
    of_both = srcdiff.jacobian(along_all, **options)

    def jacobian(theta, us, model, places, triangles, measured):
        if not len(us):
            return of_pose(theta, model, places, measured)
        both = np.concatenate((np.zeros(2), theta))
        return of_both(both, us, model, triangles, measured)

    return jacobian


def objective(theta, us, model, places, triangles, measured):
    return complicated(theta, us, model, triangles, measured)


def srcdiff_gradient(srcdiff, function, **options):
    """The Jacobian of the form with triangles; GradBench wants no value with it."""
    jacobian = jacobians(srcdiff, **options)
    return lambda *args: (None, jacobian(*args))


@vm.hand
def _rotation(x, z, out, by_x, by_z):
    """A bone's rotation about x and z, which are all that a pose has, and its slopes; what is constant is there."""
    sx, cx, sz, cz = np.sin(x), np.cos(x), np.sin(z), np.cos(z)
    out[0, 0], out[0, 1], out[0, 2] = cz, -sz * cx, sz * sx
    out[1, 0], out[1, 1], out[1, 2] = sz, cz * cx, -cz * sx
    out[2, 1], out[2, 2] = sx, cx
    by_x[0, 1], by_x[0, 2] = sz * sx, sz * cx
    by_x[1, 1], by_x[1, 2] = -cz * sx, -cz * cx
    by_x[2, 1], by_x[2, 2] = cx, -sx
    by_z[0, 0], by_z[0, 1], by_z[0, 2] = -sz, -cz * cx, cz * sx
    by_z[1, 0], by_z[1, 1], by_z[1, 2] = cz, -sz * cx, sz * sx


@vm.hand
def _product(a, b, out):
    for i in range(len(a)):
        for j in range(b.shape[1]):
            total = 0.0
            for k in range(len(b)):
                total += a[i, k] * b[k, j]
            out[i, j] = total


@vm.hand
def _global(angle_axis, out, slopes):
    """Rodrigues' rotation, and its slopes by the three angles."""
    for i in range(3):
        out[i, i] = 1.0
    angle = np.sqrt(np.sum(angle_axis**2))
    if angle < 0.0001:
        return
    n = angle_axis / angle
    s, c = np.sin(angle), np.cos(angle)
    for i in range(3):
        for j in range(3):
            out[i, j] = (1.0 - c) * n[i] * n[j]
        out[i, i] += c
    _add_cross(out, n, s)
    for p in range(3):
        d_n = -n[p] * n / angle
        d_n[p] += 1.0 / angle
        for i in range(3):
            for j in range(3):
                d_outer = d_n[i] * n[j] + n[i] * d_n[j]
                slopes[p, i, j] = s * n[p] * n[i] * n[j] + (1.0 - c) * d_outer
            slopes[p, i, i] -= s * n[p]
        _add_cross(slopes[p], n, c * n[p])
        _add_cross(slopes[p], d_n, s)


@vm.hand
def _add_cross(out, n, scale):
    out[0, 1] -= scale * n[2]
    out[0, 2] += scale * n[1]
    out[1, 0] += scale * n[2]
    out[1, 2] -= scale * n[0]
    out[2, 0] -= scale * n[1]
    out[2, 1] += scale * n[0]


@vm.hand
def _add_moved(transform, weights, columns, out):
    """Adds what one bone moves vertices by; `columns` holds the vertices' coordinates one after the other."""
    for i in range(3):
        a, b, c, d = transform[i, 0], transform[i, 1], transform[i, 2], transform[i, 3]
        for v in range(len(weights)):
            x = a * columns[0, v] + b * columns[1, v] + c * columns[2, v] + d * columns[3, v]
            out[i, v] += weights[v] * x


@vm.hand
def _pose(theta, parents, base_relatives):
    """Of each bone, where it is relative to its parent and absolutely, and the relative slopes by its two angles."""
    bones = len(parents)
    angles = np.zeros((bones, 2))
    for finger in range(FINGERS):
        first, k = 2 + 4 * finger, 6 + 4 * finger
        angles[first, 0], angles[first, 1] = theta[k], theta[k + 1]
        angles[first + 1, 0], angles[first + 2, 0] = theta[k + 2], theta[k + 3]
    relatives, absolutes = np.empty((bones, 4, 4)), np.empty((bones, 4, 4))
    slopes = np.empty((bones, 2, 4, 4))
    rotation, by_angle = np.zeros((4, 4)), np.zeros((2, 4, 4))
    rotation[3, 3] = 1.0
    for k in range(bones):
        _rotation(angles[k, 0], angles[k, 1], rotation, by_angle[0], by_angle[1])
        _product(base_relatives[k], rotation, relatives[k])
        for p in range(2):
            _product(base_relatives[k], by_angle[p], slopes[k, p])
        if parents[k] < 0:
            absolutes[k] = relatives[k]
        else:
            _product(absolutes[parents[k]], relatives[k], absolutes[k])
    return relatives, absolutes, slopes


@vm.hand
def _vertices(theta, absolutes, inverses, columns, weights, is_mirrored):
    """Where vertices are without and with the rotation of all, the rotation, and its slopes."""
    moved = np.zeros((3, columns.shape[1]))
    transform = np.empty((4, 4))
    for k in range(len(absolutes)):
        _product(absolutes[k], inverses[k], transform)
        _add_moved(transform, weights[k], columns, moved)
    if is_mirrored:
        for v in range(columns.shape[1]):
            moved[0, v] = -moved[0, v]
    rotation, slopes = np.zeros((3, 3)), np.zeros((3, 3, 3))
    _global(theta[:3], rotation, slopes)
    found = np.empty_like(moved)
    _product(rotation, moved, found)
    for i in range(3):
        for v in range(columns.shape[1]):
            found[i, v] += theta[3 + i]
    return moved, found, rotation, slopes


@vm.hand
def hand_value(theta, us, model, places, triangles, measured):
    parents, base_relatives, inverses, base, weights, is_mirrored = model
    _, absolutes, _ = _pose(theta, parents, base_relatives)
    columns, by_bone = np.ascontiguousarray(base.T), np.ascontiguousarray(weights.T)
    _, found, _, _ = _vertices(theta, absolutes, inverses, columns, by_bone, is_mirrored)
    out = np.empty(3 * len(measured))
    for p in range(len(measured)):
        a, b = us[p, 0], us[p, 1]
        u, v, w = triangles[p, 0], triangles[p, 1], triangles[p, 2]
        for i in range(3):
            at = a * found[i, u] + b * found[i, v] + (1.0 - a - b) * found[i, w]
            out[3 * p + i] = measured[p, i] - at
    return out


@vm.hand
def _by_angle(slope, k, of_bones, turned, columns, weights, out):
    """What vertices are moved by an angle of bone k: along the bones after bone k."""
    parents, relatives, absolutes, inverses = of_bones
    bones = len(parents)
    slopes, transform = np.empty((bones, 4, 4)), np.empty((4, 4))
    last = np.empty((3, 4))
    is_after = np.zeros(bones, dtype=np.bool_)
    is_after[k] = True
    if parents[k] < 0:
        slopes[k] = slope
    else:
        _product(absolutes[parents[k]], slope, slopes[k])
    for b in range(k, bones):
        if b > k and parents[b] >= 0 and is_after[parents[b]]:
            is_after[b] = True
            _product(slopes[parents[b]], relatives[b], slopes[b])
        if is_after[b]:
            _product(slopes[b], inverses[b], transform)
            _product(turned, transform[:3], last)
            _add_moved(last, weights[b], columns, out)


@vm.hand
def hand(theta, us, model, places, triangles, measured):
    """Forward, vertex by vertex: an angle moves what hangs at its bone; transforms have the rotation of all in them."""
    parents, base_relatives, inverses, base, weights, is_mirrored = model
    relatives, absolutes, bone_slopes = _pose(theta, parents, base_relatives)
    columns, by_bone = np.ascontiguousarray(base.T), np.ascontiguousarray(weights.T)
    moved, found, rotation, slopes = _vertices(
        theta, absolutes, inverses, columns, by_bone, is_mirrored
    )
    by = np.zeros((26, 3, columns.shape[1]))
    for p in range(3):
        _product(slopes[p], moved, by[p])
        by[3 + p, p] = 1.0
    if is_mirrored:
        for i in range(3):
            rotation[i, 0] = -rotation[i, 0]
    for finger in range(FINGERS):
        first, k = 2 + 4 * finger, 6 + 4 * finger
        for at in range(4):
            bone, angle = first + max(at - 1, 0), int(at == 1)
            slope = bone_slopes[bone, angle]
            bones = parents, relatives, absolutes, inverses
            _by_angle(slope, bone, bones, rotation, columns, by_bone, by[k + at])
    of_vertex = np.empty((columns.shape[1], 3, 26))
    for p in range(26):
        for i in range(3):
            for v in range(columns.shape[1]):
                of_vertex[v, i, p] = by[p, i, v]
    out = np.empty((3 * len(measured), 28))
    for p in range(len(measured)):
        a, b = us[p, 0], us[p, 1]
        u, v, w = triangles[p, 0], triangles[p, 1], triangles[p, 2]
        c = 1.0 - a - b
        for i in range(3):
            row = out[3 * p + i]
            row[0], row[1] = found[i, w] - found[i, u], found[i, w] - found[i, v]
            x, y, z = of_vertex[u, i], of_vertex[v, i], of_vertex[w, i]
            for q in range(26):
                row[2 + q] = -(a * x[q] + b * y[q] + c * z[q])
    return None, out
