import numpy as np


def loss_value_and_grad(layers, x, y):
    """Value and gradient of `loss` with respect to `layers`, `x`."""
    # forward
    activations = [x]
    items = []
    for W, b in layers:
        items.append(activations[-1])
        activations.append(np.maximum(activations[-1] @ W + b, 0.1 * activations[-1] @ W))
    difference = len(activations) - 1
    penalty = 0.0
    for i in range(difference):
        a = activations[i + 1]
        penalty += np.mean(a**2)
    base = activations[-1] - y
    terms = base**2
    value = np.mean(terms) + 0.1 * penalty

    # backward
    d_activations = [np.zeros_like(item) for item in activations]
    d_activations[-1] += 2.0 * base / terms.size
    for i in reversed(range(difference)):
        a = activations[i + 1]
        d_activations[i + 1] += 0.2 * a / (a**2).size
    d_layers = []
    for i in reversed(range(len(items))):
        W, b = layers[i]
        total = items[i] @ W + b
        product = 0.1 * items[i]
        product_of_product = product @ W
        d_activation = d_activations.pop()
        product_of_d_activation = (
            d_activation * np.where(total == product_of_product, 0.5, total > product_of_product)
        )
        product_1 = (
            d_activation * np.where(total == product_of_product, 0.5, total < product_of_product)
        )
        d_activations[-1] += product_1 @ W.T * 0.1
        d_activations[-1] += product_of_d_activation @ W.T
        d_layers.append(
            (
                product.T @ product_1 + items[i].T @ product_of_d_activation,
                np.sum(product_of_d_activation, axis=0),
            )
        )
    d_layers.reverse()
    return value, (d_layers, d_activations[0])
