"""Bundle adjustment: the 2 x 15 block of the Jacobian of each reprojection error, in its camera, point and weight.

A camera is rotation (3), centre (3), focal length, principal point (2), radial distortion (2). Here every observation
brings its own copies of its camera and point, so that the Jacobian of one observation gives all blocks.
"""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"cameras": 49, "points": 7776, "observations": 31843}]
QUICK = [{"cameras": 5, "points": 70, "observations": 500}]
SMALL = {"cameras": 2, "points": 3, "observations": 5}
WRT = (0, 1, 2)


def make(cameras, points, observations):
    rng = generator(cameras, points, observations)
    camera = rng.normal(size=(cameras, 11)) * [0.5] * 11
    camera[:, 5] -= 8.0
    camera[:, 6], camera[:, 9:] = 500.0 + 10.0 * camera[:, 6], 0.01 * camera[:, 9:]
    at = np.arange(observations)
    point = rng.normal(size=(points, 3))
    feature = 100.0 * rng.normal(size=(observations, 2))
    return camera[at % cameras], point[at % points], rng.random(observations), feature


def objective(cameras, points, weights, features):
    rotation = cameras[:, 0:3]
    x = points - cameras[:, 3:6]
    theta = np.sqrt(np.sum(rotation**2, axis=1))[:, None]
    axis = rotation / theta
    along = np.sum(axis * x, axis=1)[:, None] * (1.0 - np.cos(theta))
    x = x * np.cos(theta) + np.cross(axis, x) * np.sin(theta) + axis * along
    flat = x[:, :2] / x[:, 2:]
    r2 = np.sum(flat**2, axis=1)
    distortion = 1.0 + cameras[:, 9] * r2 + cameras[:, 10] * r2**2
    seen = flat * (distortion * cameras[:, 6])[:, None] + cameras[:, 7:9]
    return weights[:, None] * (seen - features)


def loops(cameras, points, weights, features):
    n = len(weights)
    errors = np.empty((n, 2))
    for p in range(n):
        a, b, c = cameras[p, 0], cameras[p, 1], cameras[p, 2]
        theta = np.sqrt(a * a + b * b + c * c)
        a, b, c = a / theta, b / theta, c / theta
        cosine, sine = np.cos(theta), np.sin(theta)
        x = points[p, 0] - cameras[p, 3]
        y = points[p, 1] - cameras[p, 4]
        z = points[p, 2] - cameras[p, 5]
        along = (a * x + b * y + c * z) * (1.0 - cosine)
        u = x * cosine + (b * z - c * y) * sine + a * along
        v = y * cosine + (c * x - a * z) * sine + b * along
        w = z * cosine + (a * y - b * x) * sine + c * along
        u, v = u / w, v / w
        r2 = u * u + v * v
        scale = (1.0 + cameras[p, 9] * r2 + cameras[p, 10] * r2 * r2) * cameras[p, 6]
        errors[p, 0] = weights[p] * (u * scale + cameras[p, 7] - features[p, 0])
        errors[p, 1] = weights[p] * (v * scale + cameras[p, 8] - features[p, 1])
    return errors


def srcdiff_gradient(srcdiff, function, **options):
    """The errors and the blocks; used where other problems have `value_and_grad`.

    Compiled, they are those of one observation, batched; NumPy does better with two pulls of one vjp.
    """
    if not options.get("jit"):
        return _by_pulls(srcdiff, function, options)

    def one(camera, point, weight, feature):
        return function(camera[None], point[None], np.array([weight]), feature[None])[0]

    jacobian = srcdiff.jacobian(one, argnums=WRT)

    def errors_and_block(camera, point, weight, feature):
        blocks = jacobian(camera, point, weight, feature)
        return one(camera, point, weight, feature), np.column_stack(blocks)

    return srcdiff.batch(errors_and_block, parallel=False, **options)


def _by_pulls(srcdiff, function, options):
    vjp = srcdiff.differentiate(**options)(function).vjp

    def errors_and_blocks(cameras, points, weights, features):
        errors, back = vjp(cameras, points, weights, features, argnums=WRT)
        blocks = np.empty((len(weights), 2, 15))
        for k in range(2):
            seed = np.zeros((len(weights), 2))
            seed[:, k] = 1.0
            blocks[:, k, :11], blocks[:, k, 11:14], blocks[:, k, 14] = back(seed)
        return errors, blocks

    return errors_and_blocks


@vm.hand
def hand_value(cameras, points, weights, features):
    n = len(weights)
    errors = np.empty((n, 2))
    for p in range(n):
        a, b, c = cameras[p, 0], cameras[p, 1], cameras[p, 2]
        square = a * a + b * b + c * c
        inverse = 1.0 / np.sqrt(square)
        sine, cosine = vm.sin_cos(square * inverse)
        a, b, c = a * inverse, b * inverse, c * inverse
        x, y, z = points[p, 0] - cameras[p, 3], points[p, 1] - cameras[p, 4], points[p, 2] - cameras[p, 5]  # fmt: skip
        along = (a * x + b * y + c * z) * (1.0 - cosine)
        w = 1.0 / (z * cosine + (a * y - b * x) * sine + c * along)
        u = (x * cosine + (b * z - c * y) * sine + a * along) * w
        v = (y * cosine + (c * x - a * z) * sine + b * along) * w
        r2 = u * u + v * v
        scale = (1.0 + (cameras[p, 9] + cameras[p, 10] * r2) * r2) * cameras[p, 6]
        errors[p, 0] = weights[p] * (u * scale + cameras[p, 7] - features[p, 0])
        errors[p, 1] = weights[p] * (v * scale + cameras[p, 8] - features[p, 1])
    return errors


@vm.elementary
def _sweep(dx, dy, dz, axis, x, cosine, sine, dot, inverse):
    """From the adjoint of the rotated point to those of the rotation and of the point."""
    a, b, c = axis
    px, py, pz = x
    d_dot = (dx * a + dy * b + dz * c) * (1.0 - cosine)
    along = dot * (1.0 - cosine)
    d_cosine = dx * px + dy * py + dz * pz - (dx * a + dy * b + dz * c) * dot
    cx, cy, cz = b * pz - c * py, c * px - a * pz, a * py - b * px
    d_sine = dx * cx + dy * cy + dz * cz
    sx, sy, sz = dx * sine, dy * sine, dz * sine
    gx = dx * cosine + (sy * c - sz * b) + d_dot * a
    gy = dy * cosine + (sz * a - sx * c) + d_dot * b
    gz = dz * cosine + (sx * b - sy * a) + d_dot * c
    d_a = (py * sz - pz * sy) + dx * along + d_dot * px
    d_b = (pz * sx - px * sz) + dy * along + d_dot * py
    d_c = (px * sy - py * sx) + dz * along + d_dot * pz
    d_theta = d_sine * cosine - d_cosine * sine - (d_a * a + d_b * b + d_c * c) * inverse
    return (
        d_a * inverse + a * d_theta,
        d_b * inverse + b * d_theta,
        d_c * inverse + c * d_theta,
        gx,
        gy,
        gz,
    )


@vm.hand
def hand(cameras, points, weights, features):
    """Two reverse sweeps an observation, all in registers."""
    n = len(weights)
    errors, blocks = np.empty((n, 2)), np.empty((n, 2, 15))
    for p in range(n):
        a, b, c = cameras[p, 0], cameras[p, 1], cameras[p, 2]
        square = a * a + b * b + c * c
        inverse = 1.0 / np.sqrt(square)
        sine, cosine = vm.sin_cos(square * inverse)
        axis = a, b, c = a * inverse, b * inverse, c * inverse
        x = points[p, 0] - cameras[p, 3], points[p, 1] - cameras[p, 4], points[p, 2] - cameras[p, 5]
        dot = a * x[0] + b * x[1] + c * x[2]
        along = dot * (1.0 - cosine)
        depth = 1.0 / (x[2] * cosine + (a * x[1] - b * x[0]) * sine + c * along)
        u = (x[0] * cosine + (b * x[2] - c * x[1]) * sine + a * along) * depth
        v = (x[1] * cosine + (c * x[0] - a * x[2]) * sine + b * along) * depth
        r2 = u * u + v * v
        k1, k2, focal, w = cameras[p, 9], cameras[p, 10], cameras[p, 6], weights[p]
        distortion = 1.0 + (k1 + k2 * r2) * r2
        for k in range(2):
            flat = u if k == 0 else v
            difference = flat * distortion * focal + cameras[p, 7 + k] - features[p, k]
            errors[p, k] = w * difference
            d_distortion = w * focal * flat
            d_r2 = 2.0 * d_distortion * (k1 + 2.0 * k2 * r2)
            d_flat = w * focal * distortion
            d_u = (d_flat if k == 0 else 0.0) + d_r2 * u
            d_v = (d_flat if k == 1 else 0.0) + d_r2 * v
            d_depth = -(d_u * u + d_v * v) * depth
            ra, rb, rc, gx, gy, gz = _sweep(
                d_u * depth, d_v * depth, d_depth, axis, x, cosine, sine, dot, inverse
            )
            block = blocks[p, k]
            block[0], block[1], block[2] = ra, rb, rc
            block[3], block[4], block[5] = -gx, -gy, -gz
            block[6] = w * flat * distortion
            block[7], block[8] = (w, 0.0) if k == 0 else (0.0, w)
            block[9], block[10] = d_distortion * r2, d_distortion * r2 * r2
            block[11], block[12], block[13] = gx, gy, gz
            block[14] = difference
    return errors, blocks
