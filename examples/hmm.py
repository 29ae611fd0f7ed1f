"""A hidden Markov model: the gradient of the forward algorithm is the forward-backward algorithm.

Two dice, one of them loaded, are exchanged now and then. The derivative of `log_Z` with respect to the log-probability
of a face at one time in one state is the posterior probability of that state at that time.
"""

import numpy as np
from scipy.special import logsumexp

import srcdiff


def log_Z(log_likelihoods, log_pi, log_A):
    log_alpha = log_pi + log_likelihoods[0]
    for log_b in log_likelihoods[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_b
    return logsumexp(log_alpha)


posterior = srcdiff.value_and_grad(log_Z)


def main():
    rng = np.random.default_rng(1)
    dice = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 15]]) / np.array([[6.0], [20.0]])
    log_pi, log_A = np.log([0.5, 0.5]), np.log([[0.95, 0.05], [0.1, 0.9]])

    states = np.zeros(300, dtype=int)
    for t in range(1, 300):
        states[t] = rng.choice(2, p=np.exp(log_A[states[t - 1]]))
    faces = np.array([rng.choice(6, p=dice[s]) for s in states])

    log_likelihoods = np.log(dice[:, faces].T)
    print(posterior.source_for(log_likelihoods, log_pi, log_A))
    value, p = posterior(log_likelihoods, log_pi, log_A)
    assert np.allclose(p.sum(axis=1), 1.0)
    print(f"log-likelihood {value:.3f}")
    print("loaded die:", "".join("_#"[s] for s in states[:70]))
    print("posterior: ", "".join("_#"[int(q > 0.5)] for q in p[:70, 1]))
    print(f"{np.mean((p[:, 1] > 0.5) == states):.0%} of the throws are recognised")


if __name__ == "__main__":
    main()
