"""GradBench's LSTM, whose weight matrices are diagonal: the mean loss along a text of bits, gradient in all weights."""

from __future__ import annotations

import numpy as np

from benchmarks import vm
from benchmarks.data import generator

SIZES = [{"layers": 2, "length": 1024, "bits": 14}, {"layers": 4, "length": 4096, "bits": 14}]
QUICK = [{"layers": 2, "length": 100, "bits": 14}]
SMALL = {"layers": 2, "length": 4, "bits": 3}
WRT = (0, 1)
LEFT_OUT = {
    "autograd": lambda size: size["layers"] * size["length"] > 3000,
    "srcdiff (NumPy), loop source": lambda size: size["layers"] * size["length"] > 3000,
    "torch": lambda size: size["layers"] * size["length"] > 3000,
}


def make(layers, length, bits):
    rng = generator(layers, length, bits)
    main, extra = rng.random((2 * layers, 4 * bits)), rng.random((3, bits))
    text = rng.integers(0, 2, size=(length, bits)).astype(float)
    return main, extra, rng.random((2 * layers, bits)), text


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def lstm(weight, bias, hidden, cell, x):
    n = len(hidden)
    gates = np.concatenate((x, hidden, x, hidden)) * weight + bias
    forget, ingate = sigmoid(gates[:n]), sigmoid(gates[n : 2 * n])
    outgate, change = sigmoid(gates[2 * n : 3 * n]), np.tanh(gates[3 * n :])
    cell = cell * forget + ingate * change
    return outgate * np.tanh(cell), cell


def objective(main, extra, state, sequence):
    hidden = [state[i] for i in range(0, len(state), 2)]
    cells = [state[i] for i in range(1, len(state), 2)]
    total = 0.0
    for t in range(len(sequence) - 1):
        x = sequence[t] * extra[0]
        for i in range(len(hidden)):
            hidden[i], cells[i] = lstm(main[2 * i], main[2 * i + 1], hidden[i], cells[i], x)
            x = hidden[i]
        prediction = x * extra[1] + extra[2]
        log_norm = np.log(np.sum(np.exp(prediction)) + 2.0)
        total = total + np.sum(sequence[t + 1] * (prediction - log_norm))
    return -total / ((len(sequence) - 1) * sequence.shape[1])


def loops(main, extra, state, sequence):
    length, n = sequence.shape
    state = state.copy()
    x = np.zeros(n)
    total = 0.0
    for t in range(length - 1):
        for h in range(n):
            x[h] = sequence[t, h] * extra[0, h]
        for i in range(0, len(state), 2):
            for h in range(n):
                old = state[i, h]
                forget = 1.0 / (1.0 + np.exp(-(x[h] * main[i, h] + main[i + 1, h])))
                ingate = 1.0 / (1.0 + np.exp(-(old * main[i, n + h] + main[i + 1, n + h])))
                outgate = 1.0 / (1.0 + np.exp(-(x[h] * main[i, 2 * n + h] + main[i + 1, 2 * n + h])))  # fmt: skip
                change = np.tanh(old * main[i, 3 * n + h] + main[i + 1, 3 * n + h])
                state[i + 1, h] = state[i + 1, h] * forget + ingate * change
                state[i, h] = outgate * np.tanh(state[i + 1, h])
                x[h] = state[i, h]
        norm = 2.0
        for h in range(n):
            norm += np.exp(x[h] * extra[1, h] + extra[2, h])
        for h in range(n):
            prediction = x[h] * extra[1, h] + extra[2, h]
            total += sequence[t + 1, h] * (prediction - np.log(norm))
    return -total / ((length - 1) * n)


@vm.hand
def _padded(a, width):
    """Rows as long as vectors are; the last dimension of `a` is cut into `a.shape[1] // n` parts first."""
    parts, n = a.shape[1], a.shape[2]
    out = np.zeros((a.shape[0], parts, width))
    for i in range(a.shape[0]):
        for k in range(parts):
            for h in range(n):
                out[i, k, h] = a[i, k, h]
    return out


@vm.elementary
def _gates(i, h, main, x, old, cell):
    """Of one unit: the gates, the new cell and its tanh."""
    forget = vm.sigmoid(x * main[2 * i, 0, h] + main[2 * i + 1, 0, h])
    ingate = vm.sigmoid(old * main[2 * i, 1, h] + main[2 * i + 1, 1, h])
    outgate = vm.sigmoid(x * main[2 * i, 2, h] + main[2 * i + 1, 2, h])
    change = vm.tanh(old * main[2 * i, 3, h] + main[2 * i + 1, 3, h])
    new = cell * forget + ingate * change
    return forget, ingate, outgate, change, new, vm.tanh(new)


@vm.hand
def _step(i, main, x, hidden, cell):
    """One layer at one time. `x` and `hidden` leave as the layer's output."""
    for h in range(len(x)):
        _, _, outgate, _, new, squashed = _gates(i, h, main, x[h], hidden[i, h], cell[i, h])
        cell[i, h] = new
        x[h] = outgate * squashed
        hidden[i, h] = x[h]


@vm.hand
def _copy(source, target):
    for i in range(len(source)):
        for h in range(source.shape[1]):
            target[i, h] = source[i, h]


@vm.hand
def _loss(n, gold, extra, x):
    """The loss of a step, and what its softmax divides by."""
    norm, linear, ones = 2.0, 0.0, 0.0
    for h in range(n):
        prediction = x[h] * extra[1, h] + extra[2, h]
        norm += vm.exp(prediction)
        linear += gold[h] * prediction
        ones += gold[h]
    return linear - ones * np.log(norm), ones / norm


@vm.hand
def _forward(n, main, extra, state, text, keep, hiddens, cells, ratios):
    layers, width = len(main) // 2, text.shape[1]
    x, hidden, cell = np.empty(width), state[::2].copy(), state[1::2].copy()
    total = 0.0
    for t in range(len(text) - 1):
        if keep:
            _copy(hidden, hiddens[t])
            _copy(cell, cells[t])
        for h in range(width):
            x[h] = text[t, h] * extra[0, h]
        for i in range(layers):
            _step(i, main, x, hidden, cell)
        loss, ratios[t] = _loss(n, text[t + 1], extra, x)
        total += loss
    if keep:
        _copy(hidden, hiddens[-1])
    return -total / ((len(text) - 1) * n)


@vm.hand
def _prepared(main, extra, state, sequence):
    n = sequence.shape[1]
    width = (n + 7) // 8 * 8
    return (
        _padded(main.reshape((len(main), 4, n)), width),
        _padded(extra.reshape((3, 1, n)), width)[:, 0].copy(),
        _padded(state.reshape((len(state), 1, n)), width)[:, 0].copy(),
        _padded(sequence.reshape((len(sequence), 1, n)), width)[:, 0].copy(),
    )


@vm.hand
def hand_value(main, extra, state, sequence):
    main, extra, state, text = _prepared(main, extra, state, sequence)
    none = np.empty((0, 0, 0))
    return _forward(sequence.shape[1], main, extra, state, text, False, none, none, np.empty(len(text)))  # fmt: skip


@vm.hand
def hand(main, extra, state, sequence):
    """Keeps the state before each time, and computes the gates again."""
    n, layers, length = sequence.shape[1], len(main) // 2, len(sequence)
    main, extra, state, text = _prepared(main, extra, state, sequence)
    width = text.shape[1]
    hiddens, cells = np.empty((length, layers, width)), np.empty((length - 1, layers, width))
    ratios = np.empty(length)
    value = _forward(n, main, extra, state, text, True, hiddens, cells, ratios)
    d_main, d_extra = np.zeros(main.shape), np.zeros(extra.shape)
    d_hidden, d_cell = np.zeros((layers, width)), np.zeros((layers, width))
    x, d_x, gates, d_gates = np.empty(width), np.empty(width), np.empty((4, width)), np.empty((4, width))  # fmt: skip
    scale = -1.0 / ((length - 1) * n)
    for t in range(length - 2, -1, -1):
        for h in range(width):
            last = hiddens[t + 1, layers - 1, h]
            d = scale * (text[t + 1, h] - ratios[t] * vm.exp(last * extra[1, h] + extra[2, h]))
            d_extra[1, h] += d * last
            d_extra[2, h] += d
            d_x[h] = d * extra[1, h]
        for i in range(layers - 1, -1, -1):
            for h in range(width):
                x[h] = text[t, h] * extra[0, h] if i == 0 else hiddens[t + 1, i - 1, h]
            _gates_back(i, main, x, hiddens[t], cells[t], gates, d_gates, d_hidden, d_cell, d_x)
            _inputs_back(i, main, d_gates, d_hidden, d_x)
            _weights_back(i, x, hiddens[t], d_gates, d_main)
        for h in range(width):
            d_extra[0, h] += d_x[h] * text[t, h]
    d_flat = np.ascontiguousarray(d_main[:, :, :n]).reshape((2 * layers, 4 * n))
    return value, (d_flat, np.ascontiguousarray(d_extra[:, :n]))


@vm.hand
def _gates_back(i, main, x, hidden, cell, gates, d_gates, d_hidden, d_cell, d_x):
    """From the adjoints of the layer's output and cell to those of what goes into its gates.

    In loops that write few rows each: with more, LLVM does not prove them distinct and vectorises nothing.
    """
    for k in range(0, 4, 2):
        for h in range(len(x)):
            gates[k, h] = vm.sigmoid(x[h] * main[2 * i, k, h] + main[2 * i + 1, k, h])
    for h in range(len(x)):
        gates[1, h] = vm.sigmoid(hidden[i, h] * main[2 * i, 1, h] + main[2 * i + 1, 1, h])
    for h in range(len(x)):
        gates[3, h] = vm.tanh(hidden[i, h] * main[2 * i, 3, h] + main[2 * i + 1, 3, h])
    for h in range(len(x)):
        squashed = vm.tanh(cell[i, h] * gates[0, h] + gates[1, h] * gates[3, h])
        d_out = d_hidden[i, h] + d_x[h]
        d_cell[i, h] += d_out * gates[2, h] * (1.0 - squashed * squashed)
        d_gates[2, h] = d_out * squashed * gates[2, h] * (1.0 - gates[2, h])
    for h in range(len(x)):
        d_gates[1, h] = d_cell[i, h] * gates[3, h] * gates[1, h] * (1.0 - gates[1, h])
        d_gates[3, h] = d_cell[i, h] * gates[1, h] * (1.0 - gates[3, h] * gates[3, h])
    for h in range(len(x)):
        d_gates[0, h] = d_cell[i, h] * cell[i, h] * gates[0, h] * (1.0 - gates[0, h])
        d_cell[i, h] *= gates[0, h]


@vm.hand
def _inputs_back(i, main, d_gates, d_hidden, d_x):
    for h in range(len(d_x)):
        d_hidden[i, h] = d_gates[1, h] * main[2 * i, 1, h] + d_gates[3, h] * main[2 * i, 3, h]
        d_x[h] = d_gates[0, h] * main[2 * i, 0, h] + d_gates[2, h] * main[2 * i, 2, h]


@vm.hand
def _weights_back(i, x, hidden, d_gates, d_main):
    for k in range(4):
        for h in range(len(x)):
            d_main[2 * i, k, h] += d_gates[k, h] * (hidden[i, h] if k % 2 else x[h])
            d_main[2 * i + 1, k, h] += d_gates[k, h]
