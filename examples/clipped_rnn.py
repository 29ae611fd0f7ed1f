"""A recurrent network over many steps: adjoints that grow are scaled down in the backward part, and recorded.

The block under `srcdiff.adjoint(h)` is part of the gradient: it runs where the adjoint of `h` is complete, in each
iteration of the backward loop. Calling `loss` leaves it out.
"""

import numpy as np

import srcdiff

norms = []


@srcdiff.differentiate(argnums="W", jit=False)
def loss(W, xs, target, limit):
    h = np.zeros(W.shape[0])
    for t in range(len(xs)):
        h = np.tanh(W @ h + xs[t])
        with srcdiff.adjoint(h) as d_h:
            norm = np.linalg.norm(d_h)
            norms.append(norm)
            assert np.isfinite(norm), f"the adjoint of step {t} is {norm}"
            if norm > limit:
                d_h = d_h * (limit / norm)
    return np.sum((h - target) ** 2)


def main():
    rng = np.random.default_rng(0)
    W = 1.6 * np.linalg.qr(rng.normal(size=(4, 4)))[0]
    xs = 0.1 * rng.normal(size=(60, 4))
    target = np.array([0.5, -0.5, 0.25, 0.0])
    print(loss.grad.source_for(W, xs, target, 1.0))
    for step in range(201):
        d_W = loss.grad(W, xs, target, 1.0)
        if step % 50 == 0:
            grown = sum(norm > 1.0 for norm in norms)
            print(
                f"step {step:3d}: loss {loss(W, xs, target, 1.0):.4f}, {grown} of {len(norms)} scaled"
            )
        norms.clear()
        W -= 0.01 * d_W


if __name__ == "__main__":
    main()
