"""Spike trains of several neurons: empty lists are made for each, and filled where a rate is high."""

import math


def log_likelihood(rates, drive, threshold):
    trains = [[] for _ in rates]
    for k, rate in enumerate(rates):
        for d in drive:
            if rate * d > threshold:
                trains[k].append(rate * d)
    total = 0.0
    for train in trains:
        for value in train:
            total += math.log(value)
    return total - sum(rates)


EXAMPLES = [([0.8, 1.7], [0.5, 1.2, 2.0], 0.7), ([1.1], [0.4, 0.9], 0.6)]
WRT = (0, 1)
FUNCTION = log_likelihood
