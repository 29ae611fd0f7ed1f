import numpy as np


def loss_value_and_grad(layers, x, y):
    """Value and gradient of `loss` with respect to `layers`, `x`."""
    if len(x) != len(y):
        raise ValueError("loss_value_and_grad: x and y have to have equal lengths")
    # forward
    activations = [x]
    value_1s = []
    for W, b in layers:
        value_1s.append(activations[-1])
        activations.append(np.maximum(activations[-1] @ W + b, 0.1 * activations[-1] @ W))
    difference = len(activations) - 1
    penalty = 0.0
    for i in range(difference):
        a = activations[i + 1]
        penalty += np.mean(a**2)
    gap = activations[-1] - y
    value = np.mean(gap**2) + 0.1 * penalty

    # backward
    d_activations = [np.zeros_like(item) for item in activations]
    d_activations[-1] += 2.0 * gap / activations[-1].size
    for i in reversed(range(difference)):
        a = activations[i + 1]
        d_activations[i + 1] += 0.2 * a / a.size
    d_layers = []
    for (W, b), value_1 in zip(reversed(layers), reversed(value_1s)):
        total = value_1 @ W + b
        product = 0.1 * value_1
        scaled = product @ W
        d_activation = d_activations.pop()
        d_z = d_activation * np.where(total == scaled, 0.5, total > scaled)
        d_s = d_activation * np.where(total == scaled, 0.5, total < scaled)
        d_activations[-1] += 0.1 * (d_s @ W.T)
        d_activations[-1] += d_z @ W.T
        d_layers.append((product.T @ d_s + value_1.T @ d_z, np.sum(d_z, axis=0)))
    d_layers.reverse()
    return value, (d_layers, d_activations[0])
