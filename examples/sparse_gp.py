"""Categorical variables by sparse Gaussian processes of latent inputs."""

import importlib.util

import numpy as np
from scipy.special import softmax

import srcdiff
from srcdiff import vi


def RBF(sf2, ls, Z, X):
    return sf2 * np.exp(-0.5 * np.sum(((Z[:, None, :] - X) / ls) ** 2, 2))


def bound(m, log_s, mu, C, Z, log_sf2, log_ls, Y, randn_X, randn_U, randn_F):
    s, L, sf2, ls = np.exp(log_s), np.tril(C), np.exp(log_sf2), np.exp(log_ls)
    X = m + s * randn_X
    U = mu + L.dot(randn_U)
    Kmm = RBF(sf2, ls, Z, Z) + 1e-5 * np.eye(len(Z))
    Kmn = RBF(sf2, ls, Z, X)
    KmmInv = np.linalg.inv(Kmm)  # the generated code has Cholesky's factor and solves
    A = KmmInv.dot(Kmn)
    B = sf2 - np.sum(Kmn * KmmInv.dot(Kmn), 0)
    F = A.T.dot(U) + B[:, None] ** 0.5 * randn_F
    S = softmax(np.reshape(F, Y.shape), axis=2)
    log_det = np.linalg.slogdet(Kmm)[1] - 2.0 * np.sum(np.log(np.abs(np.diag(L))))
    KL_u = log_det - len(L) + np.sum(L * KmmInv.dot(L))  # of each column, but for the means
    KL_U = 0.5 * (np.sum(mu * KmmInv.dot(mu)) + mu.shape[1] * KL_u)
    KL_X = np.sum(0.5 * (m**2 + s**2 - 1.0) - log_s)
    return np.sum(np.log(np.sum(Y * S, 2))) - KL_U - KL_X, S


def main():
    N, D, K, M, normal = 100, 16, 3, 12, np.random.default_rng(0).normal
    F = 6.0 * np.sin(normal(size=(N, 2)) @ normal(size=(2, D * K)) + normal(size=D * K))
    full = np.eye(K)[np.argmax(F.reshape(N, D, K) + normal(size=(N, D, K)), axis=2)]
    Y = np.where(seen := normal(size=(N, D, 1)) < 0.8, full, 1.0)  # hidden: any category
    mu, C, Z = 0.1 * normal(size=(M, D * K)), 0.1 * np.eye(M), normal(size=(M, 2))
    params = normal(size=(N, 2)), np.full((N, 2), -2.0), mu, C, Z, 1.0, np.zeros(2)
    gradient = srcdiff.value_and_grad(bound, argnums=(0, 1, 2, 3, 4, 5, 6), has_aux=True)
    optimizer, drawn = vi.optim.RMSProp(0.03, maximize=True), []
    state = optimizer.init(params)
    for _ in range(400):
        (_, S), grads = gradient(*params, Y, *(normal(size=a.shape) for a in (params[0], mu, F)))
        params, state = optimizer.step(params, grads, state)
        drawn.append(S)
    print(gradient.source)
    histograms = np.sum(full * seen, axis=0) / np.sum(seen, axis=0)
    for of, p in ("histograms", histograms), ("inputs", np.mean(drawn[300:], axis=0)):  # hidden
        print(f"perplexity by {of}:", np.exp(-np.mean(np.log(np.sum(full * p, 2)[~seen[..., 0]]))))
    if importlib.util.find_spec("matplotlib"):
        plt = importlib.import_module("matplotlib.pyplot")
        plt.scatter(*params[0].T, c=full[:, 0].argmax(1)).axes.set(xlabel="x_1", ylabel="x_2")
        plt.savefig("sparse_gp.png")


if __name__ == "__main__":
    main()
