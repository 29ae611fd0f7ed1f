"""A neural network from a helper function and a list of layers: the helper gets an adjoint function of its own."""

import itertools

import numpy as np

import srcdiff


def dense(x, W, b):
    return np.tanh(x @ W + b)


def loss(layers, x, y):
    for W, b in layers:
        x = dense(x, W, b)
    return np.mean((x[:, 0] - y) ** 2)


gradient = srcdiff.value_and_grad(loss)


def main():
    rng = np.random.default_rng(0)
    sizes = [2, 16, 16, 1]
    layers = [
        (rng.normal(size=(m, n)) / np.sqrt(m), np.zeros(n)) for m, n in itertools.pairwise(sizes)
    ]
    x = rng.choice([-1.0, 1.0], size=(200, 2)) + 0.3 * rng.normal(size=(200, 2))
    y = np.sign(x[:, 0] * x[:, 1])  # exclusive or

    print(gradient.source_for(layers, x, y))
    for step in range(501):
        value, d_layers = gradient(layers, x, y)
        if step % 100 == 0:
            print(f"step {step:3d}: loss {value:.4f}")
        layers = [
            (W - 0.1 * d_W, b - 0.1 * d_b)
            for (W, b), (d_W, d_b) in zip(layers, d_layers, strict=True)
        ]


if __name__ == "__main__":
    main()
