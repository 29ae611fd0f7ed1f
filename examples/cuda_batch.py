"""Many sequences at once on a CUDA device: the gradient of a hidden Markov model's log-likelihood.

Needs the extra `cuda` and a device; without them, run it with NUMBA_ENABLE_CUDASIM=1.
"""

import numpy as np
from scipy.special import logsumexp

import srcdiff


def log_Z(log_pi, log_A, log_B, symbols):
    log_alpha = log_pi + log_B[:, symbols[0]]
    for y in symbols[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + log_B[:, y]
    return logsumexp(log_alpha)


gradient = srcdiff.value_and_grad(log_Z, argnums=("log_pi", "log_A", "log_B"), jit=False)
e_step = srcdiff.cuda.batched(gradient, in_axes=(None, None, None, 0), reduce="sum")


def main():
    rng = np.random.default_rng(0)
    model = [np.log(rng.dirichlet(np.ones(n), 2)) for n in (2, 2, 4)]
    model[0] = model[0][0]
    sequences = rng.integers(0, 4, (8, 12))
    print(e_step.source_for(*model, sequences))
    value, (starts, moves, symbols) = e_step(*model, sequences)
    print(f"log-likelihood of {len(sequences)} sequences: {value:.6f}")
    print(
        f"expected numbers of starts {starts.sum():.1f}, moves {moves.sum():.1f}, symbols {symbols.sum():.1f}"
    )
    one_by_one = [gradient(*model, s) for s in sequences]
    assert np.isclose(value, sum(v for v, _ in one_by_one))
    assert np.allclose(moves, sum(g[1] for _, g in one_by_one))


if __name__ == "__main__":
    main()
