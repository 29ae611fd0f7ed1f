"""Logistic regression as in Theano's tutorial: weights are state that `train` updates and `predict` reads."""

from importlib.util import find_spec

import numpy as np

import srcdiff

rng = np.random.default_rng(0)
w = srcdiff.shared(rng.normal(size=784), name="w")
b = srcdiff.shared(0.0, name="b")


def p_1(w, b, x):
    return 1.0 / (1.0 + np.exp(-(x @ w) - b))


def cost(w, b, x, y):
    p = p_1(w, b, x)
    entropy = -y * np.log(p) - (1.0 - y) * np.log(1.0 - p)
    return np.mean(entropy) + 0.01 * np.sum(w**2)


gradient = srcdiff.value_and_grad(cost, argnums=("w", "b"))


def descend(x, y):
    _, (gw, gb) = gradient(w.value, b.value, x, y)
    return w.value - 0.1 * gw, b.value - 0.1 * gb


# the generated cost: log(p) as written is minus infinity for weights such as the first ones
train = srcdiff.function(
    lambda x, y: (predict(x), gradient(w.value, b.value, x, y)[0]), updates={(w, b): descend}
)
predict = srcdiff.function(lambda x: p_1(w.value, b.value, x) > 0.5)


def main():
    x = rng.normal(size=(400, 784))
    y = (x[:, :20].sum(axis=1) > 0.0).astype(float)
    print(gradient.source_for(w.value, b.value, x, y))
    costs = []
    for _ in range(200):
        predicted, found = train(x, y)  # from before the update
        costs.append(found)
    print(f"cost {costs[0]:.3f}, {costs[1]:.3f}, ..., {costs[-1]:.3f}")
    print(f"right: {np.mean(predicted == y):.3f} of the training data")
    if find_spec("matplotlib"):
        import matplotlib.pyplot as plt

        plt.semilogy(costs)
        plt.xlabel("step")
        plt.ylabel("cost")
        plt.savefig("shared_logistic.png")


if __name__ == "__main__":
    main()
