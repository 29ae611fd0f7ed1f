import numpy as np


def log_likelihood_value_and_grad(A, C, Q, R, m, P, ys):
    """Value and gradient of `log_likelihood` with respect to `A`, `C`, `Q`, `R`."""
    # forward
    ms = np.empty((len(ys), len(A)))
    Ps = np.empty((len(ys), len(A), len(A)))
    solution_Ps = np.empty((len(ys), len(C), len(A)))
    solution_es = np.empty((len(ys), len(C)))
    total = 0.0
    for i, y in enumerate(ys):
        ms[i] = m
        Ps[i] = P
        m = A @ m
        P = A @ P @ A.T + Q
        S = C @ P @ C.T + R
        e = y - C @ m
        solution_P = np.linalg.solve(S.T, (P @ C.T).T)
        solution_Ps[i] = solution_P
        K = solution_P.T
        solution_e = np.linalg.solve(S, e)
        solution_es[i] = solution_e
        total -= 0.5 * (np.linalg.slogdet(S)[1] + e @ solution_e)
        m = m + K @ e
        P = P - K @ S @ K.T

    # backward
    d_A = np.zeros_like(A)
    d_Q = np.zeros_like(Q)
    d_C = np.zeros_like(C)
    d_R = np.zeros_like(R)
    d_m = np.zeros_like(m)
    d_P = np.zeros_like(P)
    for m, P, y, solution_P, solution_e in zip(
        reversed(ms), reversed(Ps), reversed(ys), reversed(solution_Ps), reversed(solution_es)
    ):
        new_m = A @ m
        AP = A @ P
        new_P = AP @ A.T + Q
        CP = C @ new_P
        S = CP @ C.T + R
        e = y - C @ new_m
        product = -d_P @ solution_P.T
        solution = np.linalg.solve(S.T, -0.5 * e)
        answer = np.linalg.solve(
            S, ((-d_P).T @ (solution_P.T @ S) + product @ S.T + np.outer(d_m, e)).T
        )
        scaled = 0.5 * np.linalg.inv(S).T
        d_S = (
            solution_P @ product
            + solution_P @ (-answer).T
            - np.outer(solution, solution_e)
            - scaled
        )
        negated = -(solution_P @ d_m - 0.5 * solution_e + solution)
        d_C += answer @ new_P + np.outer(negated, new_m)
        d_m = d_m + C.T @ negated
        d_R += d_S
        d_CP = d_S @ C
        d_C += d_S.T @ CP + d_CP @ new_P.T
        d_P = d_P + answer.T @ C + C.T @ d_CP
        d_Q += d_P
        d_AP = d_P @ A
        d_A += d_P.T @ AP + d_AP @ P.T + np.outer(d_m, m)
        d_m = A.T @ d_m
        d_P = A.T @ d_AP
    return total, (d_A, d_C, d_Q, d_R)
