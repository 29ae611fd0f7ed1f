import numpy as np
from scipy.linalg import solve_triangular


def lds_log_Z_value_and_grad(eta):
    """Value and gradient of `lds_log_Z` with respect to `eta`."""
    if eta[0][0].shape[1] != eta[2][0].shape[2]:
        raise ValueError(
            "lds_log_Z_value_and_grad: eta[0][0].shape[1] and eta[2][0].shape[2] have to be equal"
        )
    if len(eta[0][0]) != eta[2][0].shape[1]:
        raise ValueError(
            "lds_log_Z_value_and_grad: len(eta[0][0]) and eta[2][0].shape[1] have to be equal"
        )
    if len(eta[0][1]) != eta[2][1].shape[1]:
        raise ValueError(
            "lds_log_Z_value_and_grad: len(eta[0][1]) and eta[2][1].shape[1] have to be equal"
        )
    if eta[0][0].shape[1] != eta[1][0].shape[2]:
        raise ValueError(
            "lds_log_Z_value_and_grad: eta[0][0].shape[1] and eta[1][0].shape[2] have to be equal"
        )
    if len(eta[0][0]) != eta[1][0].shape[1]:
        raise ValueError(
            "lds_log_Z_value_and_grad: len(eta[0][0]) and eta[1][0].shape[1] have to be equal"
        )
    if eta[0][0].shape[1] != len(eta[0][0]):
        raise ValueError(
            "lds_log_Z_value_and_grad: eta[0][0].shape[1] and len(eta[0][0]) have to be equal"
        )
    if len(eta[0][0]) != len(eta[0][1]):
        raise ValueError(
            "lds_log_Z_value_and_grad: eta[0][0] and eta[0][1] have to have equal lengths"
        )
    if len(eta[0][0]) != eta[1][1].shape[1]:
        raise ValueError(
            "lds_log_Z_value_and_grad: len(eta[0][0]) and eta[1][1].shape[1] have to be equal"
        )
    if eta[1][2].shape[2] != eta[1][1].shape[2]:
        raise ValueError(
            "lds_log_Z_value_and_grad: eta[1][2].shape[2] and eta[1][1].shape[2] have to be equal"
        )
    if eta[1][2].shape[1] != eta[1][1].shape[2]:
        raise ValueError(
            "lds_log_Z_value_and_grad: eta[1][2].shape[1] and eta[1][1].shape[2] have to be equal"
        )
    if eta[1][1].shape[2] != len(eta[0][0]):
        raise ValueError(
            "lds_log_Z_value_and_grad: eta[1][1].shape[2] and len(eta[0][0]) have to be equal"
        )
    # forward
    init, pairs, nodes = eta
    J, h, total = init
    J11s, J12s, J22s, pair_constants = pairs
    node_Js, node_hs, node_constants = nodes
    J = J + node_Js[0]
    h = h + node_hs[0]
    Ls = np.empty((len(J12s), len(eta[0][0]), len(eta[0][0])))
    Ws = np.empty((len(J12s), len(eta[0][0]), len(eta[0][0])))
    vs = np.empty((len(J12s), len(eta[0][0])))
    for t in range(len(J12s)):
        precision = J + J11s[t]
        L = np.linalg.cholesky(-(precision + precision.T))
        Ls[t] = L
        v = solve_triangular(L, h, lower=True)
        vs[t] = v
        W = solve_triangular(L, J12s[t], lower=True)
        Ws[t] = W
        total = total + 0.5 * np.dot(v, v) - np.sum(np.log(np.diag(L)))
        J = J22s[t] + 0.5 * W.T @ W + node_Js[t + 1]
        h = W.T @ v + node_hs[t + 1]
    L = np.linalg.cholesky(-(J + J.T))
    v = solve_triangular(L, h, lower=True)
    denominator = np.diag(L)
    total = total + 0.5 * np.dot(v, v) - np.sum(np.log(denominator))
    total = total + np.sum(pair_constants) + np.sum(node_constants)
    value = total + 0.5 * node_hs.size * np.log(2.0 * np.pi)

    # backward
    d_h = solve_triangular(L, v, trans="T", lower=True)
    d_L = -np.tril(np.outer(d_h, v))
    np.fill_diagonal(d_L, np.diag(d_L) - 1.0 / denominator)
    lower = np.tril(L.T @ d_L)
    half = solve_triangular(L, lower + np.tril(lower, -1).T, trans="T", lower=True)
    middle = solve_triangular(L, half.T, trans="T", lower=True)
    difference = 0.5 * np.diag(np.diag(middle)) - np.tril(middle)
    d_J11s = np.zeros_like(J11s)
    d_J12s = np.empty_like(J12s)
    d_J22s = np.zeros_like(J22s)
    d_node_Js = np.zeros_like(node_Js)
    d_node_hs = np.zeros_like(node_hs)
    d_J = difference + difference.T
    for t in reversed(range(len(J12s))):
        d_node_hs[t + 1] += d_h
        d_node_Js[t + 1] += d_J
        d_J22s[t] += d_J
        solve_triangular_1 = solve_triangular(
            Ls[t],
            np.outer(d_h, vs[t]).T + (0.5 * Ws[t].T).T @ d_J + (0.5 * (d_J @ Ws[t].T)).T,
            trans="T",
            lower=True,
        )
        d_J12s[t] = solve_triangular_1
        d_h = solve_triangular(Ls[t], Ws[t] @ d_h + 2.0 * (0.5 * vs[t]), trans="T", lower=True)
        d_L = -(np.tril(solve_triangular_1 @ Ws[t].T) + np.tril(np.outer(d_h, vs[t])))
        np.fill_diagonal(d_L, np.diag(d_L) - 1.0 / np.diag(Ls[t]))
        lower = np.tril(Ls[t].T @ d_L)
        half = solve_triangular(Ls[t], lower + np.tril(lower, -1).T, trans="T", lower=True)
        middle = solve_triangular(Ls[t], half.T, trans="T", lower=True)
        gap = 0.5 * np.diag(np.diag(middle)) - np.tril(middle)
        d_precision = gap + gap.T
        d_J11s[t] += d_precision
        d_J = d_precision
    d_node_hs[0] += d_h
    d_node_Js[0] += d_J
    ones = np.ones(len(eta[2][2]))
    return (
        value,
        (
            (d_J, d_h, 1.0),
            (d_J11s, d_J12s, d_J22s, np.ones(len(eta[1][3]))),
            (d_node_Js, d_node_hs, ones),
        ),
    )
