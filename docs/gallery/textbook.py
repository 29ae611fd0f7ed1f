"""The algorithms of the gallery as textbooks have them, written by hand: what the generated files are compared with."""

import numpy as np


def forward_backward(pi, A, B, data):
    """Log-likelihood and expected counts (Rabiner 1989, equations 19 to 27, 37, 91 and 92)."""
    T, K = len(data), len(pi)
    alpha, beta, scale = np.empty((T, K)), np.empty((T, K)), np.empty(T)
    alpha[0] = pi * B[:, data[0]]
    for t in range(T):
        if t > 0:
            alpha[t] = (alpha[t - 1] @ A) * B[:, data[t]]
        scale[t] = alpha[t].sum()
        alpha[t] /= scale[t]
    beta[-1] = 1.0
    for t in reversed(range(T - 1)):
        beta[t] = A @ (B[:, data[t + 1]] * beta[t + 1]) / scale[t + 1]
    gamma = alpha * beta
    xi = np.zeros((K, K))
    for t in range(T - 1):
        xi += alpha[t][:, None] * A * B[:, data[t + 1]] * beta[t + 1] / scale[t + 1]
    emitted = np.zeros_like(B)
    for t in range(T):
        emitted[:, data[t]] += gamma[t]
    return np.sum(np.log(scale)), (gamma[0], xi, emitted)


def viterbi(log_pi, log_A, log_B, data):
    """Score and states of the best path (Rabiner, equations 32 to 35)."""
    T, K = len(data), len(log_pi)
    psi = np.zeros((T, K), dtype=int)
    delta = log_pi + log_B[:, data[0]]
    for t in range(1, T):
        scores = delta[:, None] + log_A
        psi[t] = np.argmax(scores, axis=0)
        delta = np.max(scores, axis=0) + log_B[:, data[t]]
    path = np.zeros(T, dtype=int)
    path[-1] = np.argmax(delta)
    for t in reversed(range(T - 1)):
        path[t] = psi[t + 1, path[t + 1]]
    return np.max(delta), path


def backward_sampling(pi, A, B, data, rng):
    """A path drawn from the posterior (Chib 1996)."""
    T, K = len(data), len(pi)
    alpha = np.empty((T, K))
    alpha[0] = pi * B[:, data[0]]
    for t in range(1, T):
        alpha[t] = (alpha[t - 1] @ A) * B[:, data[t]]
        alpha[t] /= alpha[t].sum()
    path = np.zeros(T, dtype=int)
    path[-1] = rng.choice(K, p=alpha[-1] / alpha[-1].sum())
    for t in reversed(range(T - 1)):
        p = alpha[t] * A[:, path[t + 1]]
        path[t] = rng.choice(K, p=p / p.sum())
    return path


def kalman_smoother(y, m1, P1, A, Q, C, R):
    """Means and covariances of the states (Rauch, Tung and Striebel 1965)."""
    T, D = len(y), len(m1)
    m, P = np.empty((T, D)), np.empty((T, D, D))
    ahead_m, ahead_P = np.empty((T, D)), np.empty((T, D, D))
    for t in range(T):
        ahead_m[t], ahead_P[t] = (m1, P1) if t == 0 else (A @ m[t - 1], A @ P[t - 1] @ A.T + Q)
        K = ahead_P[t] @ C.T @ np.linalg.inv(C @ ahead_P[t] @ C.T + R)
        m[t] = ahead_m[t] + K @ (y[t] - C @ ahead_m[t])
        P[t] = ahead_P[t] - K @ C @ ahead_P[t]
    for t in reversed(range(T - 1)):
        G = P[t] @ A.T @ np.linalg.inv(ahead_P[t + 1])
        m[t] += G @ (m[t + 1] - ahead_m[t + 1])
        P[t] += G @ (P[t + 1] - ahead_P[t + 1]) @ G.T
    return m, P
