"""The generated Kalman smoother beside one that is written by hand for Numba, loop by loop.

    python -m benchmarks.kalman

Both give the log-likelihood, the moments of each state and those of neighbours (what EM needs). The generated one is
the gradient of `expfam.lds`; its natural parameters are made outside of what is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from srcdiff.expfam import lds


@njit
def cholesky(a, L, n):
    """Factorise into L; half the logarithm of the determinant."""
    s = 0.0
    for j in range(n):
        d = a[j, j]
        for k in range(j):
            d -= L[j, k] * L[j, k]
        L[j, j] = np.sqrt(d)
        s += np.log(L[j, j])
        for i in range(j + 1, n):
            v = a[i, j]
            for k in range(j):
                v -= L[i, k] * L[j, k]
            L[i, j] = v / L[j, j]
    return s


@njit
def solve(L, B, n, m):
    """L L' x = B in place, for each column."""
    for c in range(m):
        for i in range(n):
            v = B[i, c]
            for k in range(i):
                v -= L[i, k] * B[k, c]
            B[i, c] = v / L[i, i]
        for i in range(n - 1, -1, -1):
            v = B[i, c]
            for k in range(i + 1, n):
                v -= L[k, i] * B[k, c]
            B[i, c] = v / L[i, i]


@njit(fastmath=True)
def rauch_tung_striebel(y, m1, P1, A, Q, C, R):
    """Log-likelihood, means, covariances, and covariances of neighbours."""
    T, p = y.shape
    D = len(m1)
    m = np.empty((T, D))
    P = np.empty((T, D, D))
    am = np.empty((T, D))
    aP = np.empty((T, D, D))
    cross = np.empty((T - 1, D, D))
    S = np.empty((p, p))
    L = np.empty((p, p))
    CP = np.empty((p, D))
    K = np.empty((p, D))
    e = np.empty(p)
    u = np.empty((p, 1))
    W = np.empty((D, D))
    G = np.empty((D, D))
    LD = np.empty((D, D))
    dP = np.empty((D, D))
    ll = -0.5 * T * p * np.log(2 * np.pi)
    for t in range(T):
        if t == 0:
            for i in range(D):
                am[0, i] = m1[i]
                for j in range(D):
                    aP[0, i, j] = P1[i, j]
        else:
            for i in range(D):
                v = 0.0
                for k in range(D):
                    v += A[i, k] * m[t - 1, k]
                am[t, i] = v
                for j in range(D):
                    v = 0.0
                    for k in range(D):
                        v += A[i, k] * P[t - 1, k, j]
                    W[i, j] = v
            for i in range(D):
                for j in range(D):
                    v = Q[i, j]
                    for k in range(D):
                        v += W[i, k] * A[j, k]
                    aP[t, i, j] = v
        for i in range(p):
            v = y[t, i]
            for k in range(D):
                v -= C[i, k] * am[t, k]
            e[i] = v
            u[i, 0] = v
            for j in range(D):
                v = 0.0
                for k in range(D):
                    v += C[i, k] * aP[t, k, j]
                CP[i, j] = v
                K[i, j] = v
        for i in range(p):
            for j in range(p):
                v = R[i, j]
                for k in range(D):
                    v += CP[i, k] * C[j, k]
                S[i, j] = v
        ll -= cholesky(S, L, p)
        solve(L, K, p, D)
        solve(L, u, p, 1)
        for i in range(p):
            ll -= 0.5 * e[i] * u[i, 0]
        for i in range(D):
            v = am[t, i]
            for k in range(p):
                v += K[k, i] * e[k]
            m[t, i] = v
            for j in range(D):
                v = aP[t, i, j]
                for k in range(p):
                    v -= K[k, i] * CP[k, j]
                P[t, i, j] = v
    for t in range(T - 2, -1, -1):
        for i in range(D):
            for j in range(D):
                v = 0.0
                for k in range(D):
                    v += A[i, k] * P[t, k, j]
                G[i, j] = v
                dP[i, j] = P[t + 1, i, j] - aP[t + 1, i, j]
        cholesky(aP[t + 1], LD, D)
        solve(LD, G, D, D)
        for i in range(D):
            v = m[t, i]
            for k in range(D):
                v += G[k, i] * (m[t + 1, k] - am[t + 1, k])
            m[t, i] = v
            for j in range(D):
                v = 0.0
                w = 0.0
                for k in range(D):
                    v += G[k, i] * dP[k, j]
                    w += G[k, i] * P[t + 1, k, j]
                W[i, j] = v
                cross[t, i, j] = w
        for i in range(D):
            for j in range(D):
                v = P[t, i, j]
                for k in range(D):
                    v += W[i, k] * G[k, j]
                P[t, i, j] = v
    return ll, m, P, cross


def system(states: int, numbers: int, times: int) -> Any:
    """Observations and parameters."""
    rng = np.random.default_rng(0)
    A = 0.9 * np.linalg.qr(rng.normal(size=(states, states)))[0]
    C = rng.normal(size=(numbers, states))
    y = rng.normal(size=(times, numbers))
    return y, np.zeros(states), np.eye(states), A, 0.3 * np.eye(states), C, 0.5 * np.eye(numbers)


def seconds(call: Callable[[], Any]) -> float:
    """Of the best of some calls, by the thread's own clock: others may be busy."""
    call()
    best = np.inf
    for _ in range(15):
        start = time.thread_time()
        call()
        best = min(best, time.thread_time() - start)
    return float(best)


def main() -> None:
    for states, numbers, times in ((1, 1, 10_000), (2, 1, 10_000), (4, 2, 10_000)):
        given = system(states, numbers, times)
        eta = lds.natural(*given)
        value, moments = lds.e_step(eta)
        by_hand = rauch_tung_striebel(*given)
        assert abs(value - by_hand[0]) < 1e-9 * abs(value)
        assert np.abs(lds.usual(moments)["mean"] - by_hand[1]).max() < 1e-10
        hand = seconds(lambda given=given: rauch_tung_striebel(*given))
        ours = seconds(lambda eta=eta: lds.e_step(eta))
        ratio = (
            f"{1e3 * hand:.2f} ms by hand, {1e3 * ours:.2f} ms generated, {ours / hand:.2f} times"
        )
        print(f"{states} states, {times} times: {ratio}")


if __name__ == "__main__":
    main()
