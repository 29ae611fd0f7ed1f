"""One log Z, many algorithms: when did coal mines become safer? The best year, draws of it, and how certain it is.

Disasters in British mines, 1851 to 1961 (NaN is a year without a record), at a high, then a low rate. `log_Z`
sums over the years in which the change may have come. All results below are generated from its source.
"""

import numpy as np
from scipy.special import gammaln, logsumexp

import srcdiff
from srcdiff import expfam

COUNTS = np.array([
    4, 5, 4, 0, 1, 4, 3, 4, 0, 6, 3, 3, 4, 0, 2, 6, 3, 3, 5, 4, 5, 3, 1, 4, 4, 1, 5, 5, 3, 4, 2, 5, 2, 2, 3, 4, 2,
    1, 3, np.nan, 2, 1, 1, 1, 1, 3, 0, 0, 1, 0, 1, 1, 0, 0, 3, 1, 0, 3, 2, 2, 0, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 2, 1,
    0, 0, 0, 1, 1, 0, 2, 3, 3, 1, np.nan, 2, 1, 1, 1, 1, 2, 4, 2, 0, 0, 1, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1,
    0, 1,
])  # fmt: skip


def log_Z(log_emission, log_A):
    log_alpha = np.array([0.0, -np.inf]) + log_emission[0]  # high at first
    for scores in log_emission[1:]:
        log_alpha = logsumexp(log_alpha[:, None] + log_A, axis=0) + scores
    return logsumexp(log_alpha)


def main():
    rates, known = np.array([3.0, 0.9]), np.nan_to_num(COUNTS)[:, None]
    log_emission = known * np.log(rates) - rates - gammaln(known + 1.0)
    log_emission[np.isnan(COUNTS)] = 0.0
    with np.errstate(divide="ignore"):
        log_A = np.log([[0.99, 0.01], [0.0, 1.0]])  # never back

    given, plain = (log_emission, log_A), {"jit": False}
    score, best = expfam.viterbi(log_Z, **plain)(*given)
    sample = expfam.sample(log_Z, **plain)
    draws = sample(log_emission, np.random.default_rng(0), 300, log_A)
    years = 1851 + np.sum(draws[:, :, 0], axis=1)
    print(sample.source)
    print(f"the best year is {1851 + int(best[:, 0].sum())}, at {score:.2f}")
    print("half of the draws: {:.0f} to {:.0f}".format(*np.quantile(years, [0.25, 0.75])))
    print(f"there are {expfam.count(log_Z, **plain)(*given):.0f} possible years, including none")
    print(f"the three best are at {expfam.kbest(log_Z, 3, **plain)(*given)[0].round(2)}")
    entropy = srcdiff.transform(log_Z, "semiring", semiring="entropy", argnums=(0, 1), **plain)
    print(f"as uncertain as among {np.exp(entropy(*given)):.1f} equal years")
    try:
        from matplotlib import pyplot as plt
    except ImportError:  # pip install srcdiff[plot]
        return
    high_rate = expfam.mean(log_Z, **plain)(*given)[:, 0]
    plt.plot(1851 + np.arange(len(COUNTS)), high_rate, label="probability of the high rate")
    plt.hist(years, bins=np.arange(1880, 1905), density=True, label="draws of the change")
    plt.legend()
    plt.savefig("one_log_z.png")


if __name__ == "__main__":
    main()
