"""GradBench's k-means: squared distances to the nearest centroid, and Newton's direction by the Hessian's diagonal."""

from __future__ import annotations

import numpy as np

from benchmarks.data import generator

SMALL = {"n": 30, "k": 4, "d": 3}


def make(n, k, d):
    points = generator(n, k, d).random((n, d))
    return points, points[-k:].copy()


def objective(points, centroids):
    nearest = np.argmin(np.sum(centroids**2, axis=1) - 2.0 * (points @ centroids.T), axis=1)
    return np.sum((points - centroids[nearest]) ** 2)


def direction_of(srcdiff, **options):
    """The gradient over the Hessian's diagonal: both from one program, a tangent of the gradient."""
    tangent = srcdiff.make_jvp(srcdiff.grad(objective, argnums=1), argnums=1, **options)

    def direction(points, centroids):
        gradient, curvature = tangent(points, centroids)(np.ones_like(centroids))
        return gradient / curvature

    return direction
