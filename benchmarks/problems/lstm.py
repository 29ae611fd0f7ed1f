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


# What is kept of a step and layer, a row each.
FORGET, INGATE, OUTGATE, CHANGE, CELL, SQUASHED = range(6)


@vm.hand
def _step(t, i, main, tape, x, hidden, cell):
    """One layer at one time. `x` and `hidden` leave as the layer's output."""
    for h in range(len(x)):
        forget = vm.sigmoid(x[h] * main[2 * i, 0, h] + main[2 * i + 1, 0, h])
        ingate = vm.sigmoid(hidden[i, h] * main[2 * i, 1, h] + main[2 * i + 1, 1, h])
        outgate = vm.sigmoid(x[h] * main[2 * i, 2, h] + main[2 * i + 1, 2, h])
        change = vm.tanh(hidden[i, h] * main[2 * i, 3, h] + main[2 * i + 1, 3, h])
        new = cell[i, h] * forget + ingate * change
        squashed = vm.tanh(new)
        tape[t, i, FORGET, h], tape[t, i, INGATE, h] = forget, ingate
        tape[t, i, OUTGATE, h], tape[t, i, CHANGE, h] = outgate, change
        tape[t, i, CELL, h], tape[t, i, SQUASHED, h] = new, squashed
        cell[i, h] = new
        hidden[i, h] = outgate * squashed
        x[h] = hidden[i, h]


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
def _forward(n, main, extra, state, text, keep, tape, ratios):
    layers, width = len(main) // 2, text.shape[1]
    x, hidden, cell = np.empty(width), np.empty((layers, width)), np.empty((layers, width))
    for i in range(layers):
        for h in range(width):
            hidden[i, h], cell[i, h] = state[2 * i, 0, h], state[2 * i + 1, 0, h]
    total = 0.0
    for t in range(len(text) - 1):
        for h in range(width):
            x[h] = text[t, h] * extra[0, h]
        for i in range(layers):
            _step(t if keep else 0, i, main, tape, x, hidden, cell)
        loss, ratios[t] = _loss(n, text[t + 1], extra, x)
        total += loss
    return -total / ((len(text) - 1) * n)


@vm.hand
def _prepared(main, extra, state, sequence):
    n = sequence.shape[1]
    width = (n + 7) // 8 * 8
    return (
        _padded(main.reshape((len(main), 4, n)), width),
        np.ascontiguousarray(_padded(extra.reshape((3, 1, n)), width)[:, 0]),
        _padded(state.reshape((len(state), 1, n)), width),
        np.ascontiguousarray(_padded(sequence.reshape((len(sequence), 1, n)), width)[:, 0]),
    )


@vm.hand
def hand_value(main, extra, state, sequence):
    main, extra, state, text = _prepared(main, extra, state, sequence)
    tape = np.empty((1, len(main) // 2, 6, text.shape[1]))
    return _forward(sequence.shape[1], main, extra, state, text, False, tape, np.empty(len(text)))


@vm.hand
def hand(main, extra, state, sequence):
    n, layers, length = sequence.shape[1], len(main) // 2, len(sequence)
    main, extra, state, text = _prepared(main, extra, state, sequence)
    width = text.shape[1]
    tape, ratios = np.empty((length - 1, layers, 6, width)), np.empty(length)
    value = _forward(n, main, extra, state, text, True, tape, ratios)
    d_main, d_extra = np.zeros(main.shape), np.zeros(extra.shape)
    d_hidden, d_cell = np.zeros((layers, width)), np.zeros((layers, width))
    x, d_x = np.empty(width), np.empty(width)
    scale = -1.0 / ((length - 1) * n)
    for t in range(length - 2, -1, -1):
        for h in range(width):
            x[h] = tape[t, layers - 1, OUTGATE, h] * tape[t, layers - 1, SQUASHED, h]
            d = scale * (text[t + 1, h] - ratios[t] * vm.exp(x[h] * extra[1, h] + extra[2, h]))
            d_extra[1, h] += d * x[h]
            d_extra[2, h] += d
            d_x[h] = d * extra[1, h]
        for i in range(layers - 1, -1, -1):
            _layer_back(t, i, main, extra, state, text, tape, d_main, d_hidden, d_cell, d_x)
        for h in range(width):
            d_extra[0, h] += d_x[h] * text[t, h]
    d_flat = np.ascontiguousarray(d_main[:, :, :n]).reshape((2 * layers, 4 * n))
    return value, (d_flat, np.ascontiguousarray(d_extra[:, :n]))


@vm.elementary
def _output(tape, t, i, h):
    return tape[t, i, OUTGATE, h] * tape[t, i, SQUASHED, h]


@vm.hand
def _layer_back(t, i, main, extra, state, text, tape, d_main, d_hidden, d_cell, d_x):
    """`d_x` comes as the adjoint of the layer's output and leaves as that of its input."""
    w, b, first = 2 * i, 2 * i + 1, t == 0
    for h in range(len(d_x)):
        below = text[t, h] * extra[0, h] if i == 0 else _output(tape, t, i - 1, h)
        old = state[w, 0, h] if first else _output(tape, t - 1, i, h)
        old_cell = state[b, 0, h] if first else tape[t - 1, i, CELL, h]
        forget, ingate, outgate = tape[t, i, FORGET, h], tape[t, i, INGATE, h], tape[t, i, OUTGATE, h]  # fmt: skip
        change, squashed = tape[t, i, CHANGE, h], tape[t, i, SQUASHED, h]
        d_out = d_hidden[i, h] + d_x[h]
        d_new = d_cell[i, h] + d_out * outgate * (1.0 - squashed * squashed)
        d_f = d_new * old_cell * forget * (1.0 - forget)
        d_i = d_new * change * ingate * (1.0 - ingate)
        d_o = d_out * squashed * outgate * (1.0 - outgate)
        d_c = d_new * ingate * (1.0 - change * change)
        d_cell[i, h] = d_new * forget
        d_hidden[i, h] = d_i * main[w, 1, h] + d_c * main[w, 3, h]
        d_x[h] = d_f * main[w, 0, h] + d_o * main[w, 2, h]
        d_main[w, 0, h] += d_f * below
        d_main[w, 1, h] += d_i * old
        d_main[w, 2, h] += d_o * below
        d_main[w, 3, h] += d_c * old
        d_main[b, 0, h] += d_f
        d_main[b, 1, h] += d_i
        d_main[b, 2, h] += d_o
        d_main[b, 3, h] += d_c
