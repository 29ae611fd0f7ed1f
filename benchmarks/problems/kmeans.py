"""GradBench's k-means: squared distances to the nearest centroid, and Newton's direction by the Hessian's diagonal.

The gradient of the table is that direction, the gradient over the Hessian's diagonal; the value is left out, as there.
"""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"n": 10000, "k": 100, "d": 16}]
QUICK = [{"n": 1000, "k": 10, "d": 8}]
SMALL = {"n": 30, "k": 4, "d": 3}
WRT = 1


def make(n, k, d):
    points = generator(n, k, d).random((n, d))
    return points, points[-k:].copy()


def objective(points, centroids):
    nearest = np.argmin(np.sum(centroids**2, axis=1) - 2.0 * (points @ centroids.T), axis=1)
    return np.sum((points - centroids[nearest]) ** 2)


def direction_of(srcdiff, function=objective, **options):
    """The gradient over the Hessian's diagonal: both from one program, a tangent of the gradient."""
    tangent = srcdiff.make_jvp(srcdiff.grad(function, argnums=1), argnums=1, **options)

    def direction(points, centroids):
        gradient, curvature = tangent(points, centroids)(np.ones_like(centroids))
        return gradient / curvature

    return direction


def srcdiff_gradient(srcdiff, function, **options):
    direction = direction_of(srcdiff, function, **options)
    return lambda points, centroids: (None, direction(points, centroids))


BLOCK = 128


@vm.hand
def _distances(columns, centroids, j, square, size, score):
    """Squared distances of a block's points to one centroid, without the points' own squares; eight axes a pass."""
    d = len(columns)
    rest = d % 8
    for p in range(size):
        score[p] = square
    for l in range(rest):
        c = -2.0 * centroids[j, l]
        for p in range(size):
            score[p] += c * columns[l, p]
    for l in range(rest, d, 8):
        c0, c1 = -2.0 * centroids[j, l], -2.0 * centroids[j, l + 1]
        c2, c3 = -2.0 * centroids[j, l + 2], -2.0 * centroids[j, l + 3]
        c4, c5 = -2.0 * centroids[j, l + 4], -2.0 * centroids[j, l + 5]
        c6, c7 = -2.0 * centroids[j, l + 6], -2.0 * centroids[j, l + 7]
        for p in range(size):
            low = c0 * columns[l, p] + c1 * columns[l + 1, p]
            low += c2 * columns[l + 2, p] + c3 * columns[l + 3, p]
            high = c4 * columns[l + 4, p] + c5 * columns[l + 5, p]
            high += c6 * columns[l + 6, p] + c7 * columns[l + 7, p]
            score[p] += low + high


@vm.hand
def _nearest(points, start, size, centroids, squares, columns, score, best, chosen):
    """Of a block of points, which stand side by side in `columns`; `best` lacks the points' own squares."""
    for p in range(size):
        for l in range(len(columns)):
            columns[l, p] = points[start + p, l]
        best[p] = np.inf
        chosen[p] = 0
    for j in range(len(centroids)):
        _distances(columns, centroids, j, squares[j], size, score)
        for p in range(size):
            nearer = score[p] < best[p]
            best[p] = score[p] if nearer else best[p]
            chosen[p] = j if nearer else chosen[p]


@vm.hand
def _squares(centroids):
    squares = np.zeros(len(centroids))
    for j in range(len(centroids)):
        for l in range(centroids.shape[1]):
            squares[j] += centroids[j, l] ** 2
    return squares


@vm.hand
def hand_value(points, centroids):
    n, d = points.shape
    squares = _squares(centroids)
    columns, score, best = np.empty((d, BLOCK)), np.empty(BLOCK), np.empty(BLOCK)
    chosen = np.empty(BLOCK, dtype=np.int64)
    total = 0.0
    for start in range(0, n, BLOCK):
        size = min(BLOCK, n - start)
        _nearest(points, start, size, centroids, squares, columns, score, best, chosen)
        for p in range(size):
            total += best[p]
        for l in range(d):
            for p in range(size):
                total += columns[l, p] ** 2
    return total


@vm.hand
def hand(points, centroids):
    """The Hessian is twice the number of a centroid's points, so the direction leads from their mean."""
    n, d = points.shape
    squares = _squares(centroids)
    columns, score, best = np.empty((d, BLOCK)), np.empty(BLOCK), np.empty(BLOCK)
    chosen = np.empty(BLOCK, dtype=np.int64)
    sums, counts = np.zeros_like(centroids), np.zeros(len(centroids))
    for start in range(0, n, BLOCK):
        size = min(BLOCK, n - start)
        _nearest(points, start, size, centroids, squares, columns, score, best, chosen)
        for p in range(size):
            counts[chosen[p]] += 1.0
            for l in range(d):
                sums[chosen[p], l] += points[start + p, l]
    for j in range(len(centroids)):
        for l in range(d):
            sums[j, l] = centroids[j, l] - sums[j, l] / counts[j]
    return None, sums
