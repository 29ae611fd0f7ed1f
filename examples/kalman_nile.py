"""The Nile's annual flow at Aswan, 1871 to 1970, smoothed: the Kalman smoother is the gradient of a filter.

The level is a random walk, and is measured with noise. EM fits the two variances; its expectations are that gradient,
too. Durbin and Koopman give 15099 for the noise and 1469 for the level.
"""

import numpy as np

from srcdiff import expfam

NILE = np.array([
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969,
    831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759,
    781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
    744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
], dtype=float)  # fmt: skip


def smoothed(y, level, noise):
    """Log-evidence, and moments of the level at each time."""
    one = np.eye(1)
    start, spread = np.array([1000.0]), 1e6 * one
    eta = expfam.lds.natural(y[:, None], start, spread, one, level * one, one, noise * one)
    log_evidence, moments = expfam.lds.e_step(eta)
    return log_evidence, expfam.lds.usual(moments)


def main():
    level = noise = np.var(NILE) / 2
    for _ in range(500):
        log_evidence, found = smoothed(NILE, level, noise)
        mean, var = found["mean"][:, 0], found["covariance"][:, 0, 0]
        cross = found["cross"][:, 0, 0]
        noise = np.mean((NILE - mean) ** 2 + var)
        level = np.mean(np.diff(mean) ** 2 + var[1:] + var[:-1] - 2.0 * cross)
    print(expfam.lds.e_step.source)
    print(f"log-evidence {log_evidence:.2f}, noise {noise:.0f}, level {level:.0f}")
    assert abs(noise / 15099 - 1) < 0.05 and abs(level / 1469 - 1) < 0.15

    gap = NILE.copy()
    gap[20:40] = np.nan  # twenty years without a measurement
    _, without = smoothed(gap, level, noise)
    for k in range(0, 100, 10):
        guess, spread = without["mean"][k, 0], np.sqrt(without["covariance"][k, 0, 0])
        known = f"{1871 + k}: {mean[k]:5.0f} +- {np.sqrt(var[k]):2.0f}"
        print(f"{known}   without 1891 to 1910: {guess:5.0f} +- {spread:2.0f}")
    try:
        from matplotlib import pyplot as plt
    except ImportError:  # pip install srcdiff[plot]
        return
    plt.plot(1871 + np.arange(100), np.stack([NILE, mean, without["mean"][:, 0]], axis=1))
    plt.legend(["measured", "level", "without 1891 to 1910"])
    plt.savefig("kalman_nile.png")


if __name__ == "__main__":
    main()
