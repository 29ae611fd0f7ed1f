import numpy as np


def log_likelihood_value_and_grad(A, C, Q, R, m, P, ys):
    """Value and gradient of `log_likelihood` with respect to `A`, `C`, `Q`, `R`."""
    # forward
    ms = np.empty((len(ys), A.shape[1]))
    Ps = np.empty((len(ys), A.shape[1], A.shape[1]))
    inverses = np.empty((len(ys), len(C), len(C)))
    solutions = np.empty((len(ys), len(C)))
    total = 0.0
    for i, y in enumerate(ys):
        ms[i] = m
        Ps[i] = P
        m = A @ m
        P = A @ P @ A.T + Q
        S = C @ P @ C.T + R
        e = y - C @ m
        inverse = np.linalg.inv(S)
        inverses[i] = inverse
        K = P @ C.T @ inverse
        solution = np.linalg.solve(S, e)
        solutions[i] = solution
        total -= 0.5 * (np.linalg.slogdet(S)[1] + e @ solution)
        m = m + K @ e
        P = P - K @ S @ K.T

    # backward
    d_A = np.zeros_like(A)
    d_Q = np.zeros_like(Q)
    d_C = np.zeros_like(C)
    d_R = np.zeros_like(R)
    d_m = np.zeros_like(m)
    d_P = np.zeros_like(P)
    for i in reversed(range(len(ys))):
        m = A @ ms[i]
        product = A @ Ps[i]
        P = product @ A.T + Q
        product_of_C = C @ P
        S = product_of_C @ C.T + R
        e = ys[i] - C @ m
        product_of_P = P @ C.T
        K = product_of_P @ inverses[i]
        value = -d_P @ K.T.T
        d_K = (-d_P).T @ (K @ S) + value @ S.T + np.outer(d_m, e)
        solution_1 = np.linalg.solve(S.T, -0.5 * e)
        d_product_of_P = d_K @ inverses[i].T
        total_1 = K.T @ value - inverses[i].T @ (product_of_P.T @ d_K) @ inverses[i].T
        d_S = total_1 - np.outer(solution_1, solutions[i]) - 0.5 * np.linalg.inv(S).T
        negated = -(K.T @ d_m - 0.5 * solutions[i] + solution_1)
        d_C += d_product_of_P.T @ P + np.outer(negated, m)
        d_m = d_m + C.T @ negated
        d_R += d_S
        d_product_of_C = d_S @ C
        d_C += d_S.T @ product_of_C + d_product_of_C @ P.T
        d_P = d_P + d_product_of_P @ C + C.T @ d_product_of_C
        d_Q += d_P
        d_product = d_P @ A.T.T
        d_A += d_P.T @ product + d_product @ Ps[i].T + np.outer(d_m, ms[i])
        d_m = A.T @ d_m
        d_P = A.T @ d_product
    return total, (d_A, d_C, d_Q, d_R)
