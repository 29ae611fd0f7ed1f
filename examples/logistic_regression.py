"""Logistic regression: the loss is written naively, and its derivative comes out accurate."""

import numpy as np

from srcdiff import differentiate


@differentiate(argnums=("w", "b"))
def loss(w, b, x, y):
    p = 1.0 / (1.0 + np.exp(-(x @ w + b)))
    return -np.mean(y * np.log(p) + (1.0 - y) * np.log(1.0 - p))


def main():
    rng = np.random.default_rng(0)
    true_w, true_b = np.array([2.0, -1.0, 0.5]), 0.3
    x = rng.normal(size=(2000, 3))
    y = (rng.random(2000) < 1.0 / (1.0 + np.exp(-(x @ true_w + true_b)))).astype(float)

    w, b = np.zeros(3), 0.0
    print(loss.value_and_grad.source_for(w, b, x, y))
    for step in range(301):
        value, (d_w, d_b) = loss.value_and_grad(w, b, x, y)
        if step % 100 == 0:
            print(f"step {step:3d}: loss {value:.6f}")
        w, b = w - 2.0 * d_w, b - 2.0 * d_b
    print("found", np.round(w, 2), round(b, 2), "- the data were made with", true_w, true_b)

    # `log(p)` would be minus infinity here; the generated code has `logaddexp` in its place.
    far = loss.value_and_grad(100.0 * true_w, 0.0, x[:5], 1.0 - y[:5])
    print("far away:", far)


if __name__ == "__main__":
    main()
