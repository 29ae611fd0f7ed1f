import numpy as np
from scipy.linalg import lu_solve
from scipy.linalg.lapack import dgetrf


def log_likelihood_value_and_grad(A, C, Q, R, m, P, ys):
    """Value and gradient of `log_likelihood` with respect to `A`, `C`, `Q`, `R`."""
    # forward
    ms = np.empty((len(ys), len(A)))
    Ps = np.empty((len(ys), len(A), len(A)))
    solutions = np.empty((len(ys), len(C), len(A)))
    all_pivots = np.empty((len(ys), len(C)), dtype=np.int32)
    lus = np.empty((len(ys), len(C), len(C)))
    answers = np.empty((len(ys), len(C)))
    total = 0.0
    for i, y in enumerate(ys):
        ms[i] = m
        Ps[i] = P
        m = A @ m
        P = A @ P @ A.T + Q
        S = C @ P @ C.T + R
        e = y - C @ m
        transposed = (P @ C.T).T
        lu, pivots, info = dgetrf(S)
        lus[i] = lu
        all_pivots[i] = pivots
        if info > 0:
            raise np.linalg.LinAlgError("Singular matrix")
        solution = lu_solve((lu, pivots), transposed, trans=1, check_finite=False)
        solutions[i] = solution
        K = solution.T
        answer = lu_solve((lu, pivots), e, check_finite=False)
        answers[i] = answer
        total -= 0.5 * (np.sum(np.log(np.abs(np.diag(lu)))) + e @ answer)
        m = m + K @ e
        P = P - K @ S @ K.T

    # backward
    d_A = np.zeros_like(A)
    d_Q = np.zeros_like(Q)
    d_C = np.zeros_like(C)
    d_R = np.zeros_like(R)
    eye = np.eye(len(C))
    d_m = np.zeros_like(m)
    d_P = np.zeros_like(P)
    for i in reversed(range(len(ys))):
        m = A @ ms[i]
        product = A @ Ps[i]
        P = product @ A.T + Q
        CP = C @ P
        S = CP @ C.T + R
        e = ys[i] - C @ m
        scaled = -d_P @ solutions[i].T
        solution_of_S = lu_solve((lus[i], all_pivots[i]), -0.5 * e, trans=1, check_finite=False)
        solution_of_eye = lu_solve((lus[i], all_pivots[i]), eye, trans=1, check_finite=False)
        d_transposed = lu_solve(
            (lus[i], all_pivots[i]),
            ((-d_P).T @ (solutions[i].T @ S) + scaled @ S.T + np.outer(d_m, e)).T,
            check_finite=False,
        )
        d_S = (
            solutions[i] @ scaled
            - np.outer(solution_of_S, answers[i])
            - 0.5 * solution_of_eye
            - solutions[i] @ d_transposed.T
        )
        negated = -(solutions[i] @ d_m - 0.5 * answers[i] + solution_of_S)
        d_C += d_transposed @ P + np.outer(negated, m)
        d_m = d_m + C.T @ negated
        d_R += d_S
        d_CP = d_S @ C
        d_C += d_S.T @ CP + d_CP @ P.T
        d_P = d_P + d_transposed.T @ C + C.T @ d_CP
        d_Q += d_P
        d_product = d_P @ A
        d_A += d_P.T @ product + d_product @ Ps[i].T + np.outer(d_m, ms[i])
        d_m = A.T @ d_m
        d_P = A.T @ d_product
    return total, (d_A, d_C, d_Q, d_R)
