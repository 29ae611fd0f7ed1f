"""Theano's multilayer perceptron: layers are objects with shared parameters, and momentum is a list of updates."""

from importlib.util import find_spec

import numpy as np

import srcdiff


class Layer:
    def __init__(self, W, b, activation):
        self.W, self.b, self.activation = W, b, activation

    def output(self, x):
        linear = self.W @ x + self.b
        return linear if self.activation is None else self.activation(linear)


def squared_error(params, x, y):
    for layer in [Layer(*params[:2], np.tanh), Layer(*params[2:], None)]:
        x = layer.output(x)
    return np.sum((x - y) ** 2)


def gradient_updates_momentum(params, rate, momentum):
    gradient = srcdiff.grad(squared_error)
    velocities = [srcdiff.shared(0.0 * p.get_value()) for p in params]

    def accelerate(x, y):
        pairs = zip(velocities, gradient(tuple(p.value for p in params), x, y), strict=True)
        return [momentum * v.value + (1.0 - momentum) * d_p for v, d_p in pairs]

    def move(x, y):  # by the old velocities: all updates are of the values before the call
        return [p.value - rate * v.value for p, v in zip(params, velocities, strict=True)]

    return {(*velocities,): accelerate, (*params,): move}


def main():
    rng = np.random.default_rng(0)
    shapes = (16, 2), (16, 1), (1, 16), (1, 1)
    params = [srcdiff.shared(rng.normal(size=shape)) for shape in shapes]
    x = rng.choice([-1.0, 1.0], size=(2, 200)) + 0.3 * rng.normal(size=(2, 200))
    y = np.sign(x[:1] * x[1:])  # exclusive or

    updates = gradient_updates_momentum(params, rate=0.0002, momentum=0.9)
    train = srcdiff.function(lambda x, y: squared_error([p.value for p in params], x, y), updates)
    errors = [train(x, y) for _ in range(600)]
    print(srcdiff.grad(squared_error).source_for(tuple(p.value for p in params), x, y))
    print("squared errors", *np.round(errors[:4], 1), "...", round(errors[-1], 1))
    if find_spec("matplotlib"):
        import matplotlib.pyplot as plt

        plt.axes(xlabel="step", ylabel="squared error").semilogy(errors)
        plt.savefig("shared_mlp.png")


if __name__ == "__main__":
    main()
