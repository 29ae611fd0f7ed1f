"""A recurrent network that fills an array with its states, with its parameters in a dict.

The backward part reads the array that the program fills; nothing else is stored.
"""

import numpy as np

import srcdiff


def loss(params, xs, ys):
    hs = np.zeros((len(xs) + 1, len(params["b"])))
    for t in range(len(xs)):
        hs[t + 1] = np.tanh(params["W"] @ hs[t] + params["U"] * xs[t] + params["b"])
    errors = hs[1:] @ params["v"] - ys
    return np.mean(errors**2)


gradient = srcdiff.value_and_grad(loss)


def main():
    rng = np.random.default_rng(0)
    n = 12
    params = {
        "W": 0.9 * np.linalg.qr(rng.normal(size=(n, n)))[0],
        "U": rng.normal(size=n),
        "b": np.zeros(n),
        "v": rng.normal(size=n) / n,
    }
    xs = rng.normal(size=200)
    ys = 0.5 * (np.roll(xs, 1) - np.roll(xs, 2))  # what was seen one and two steps ago

    print(gradient.source_for(params, xs, ys))
    for step in range(401):
        value, d_params = gradient(params, xs, ys)
        if step % 100 == 0:
            print(f"step {step:3d}: loss {value:.4f}")
        params = {k: p - 0.1 * d_params[k] for k, p in params.items()}


if __name__ == "__main__":
    main()
