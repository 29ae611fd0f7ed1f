"""A hidden Markov model with inputs: an animal that sleeps and wakes with the light.

The light of the hour selects the transition matrix; counts of movements are observed. EM, whose E-step is the gradient
of `log_Z`, finds how the animal moves, and how light changes its state.
"""

import numpy as np

from srcdiff import expfam
from srcdiff.expfam.sequence.chains import io_hmm_log_Z

HOURS = 24 * 20
WAKES = np.array([[[0.95, 0.05], [0.35, 0.65]], [[0.4, 0.6], [0.05, 0.95]]])  # by night, by day


def observed(rng):
    """Light, movements and (unknown to the fit) states of some days."""
    light = (np.arange(HOURS) % 24 >= 8).astype(int)
    states = np.zeros(HOURS, int)
    for t in range(1, HOURS):
        states[t] = rng.random() < WAKES[light[t], states[t - 1], 1]
    return light, rng.poisson(np.where(states, 6.0, 0.7)), states


def main():
    light, movements, states = observed(np.random.default_rng(0))
    model = expfam.IOHMM(2, "poisson", random_state=0, tol=1e-4)
    model.fit(movements, inputs=light)
    rates = np.exp(model.emissions_.etas)
    asleep, awake = np.argsort(rates)
    log_A = model.log_A_[:, [[asleep], [awake]], [[asleep, awake]]]
    eta = model.log_pi_, model.log_A_, np.zeros((2, 3))
    print(expfam.e_step(io_hmm_log_Z).source_for(eta, light, movements))

    print(f"movements an hour: {rates[asleep]:.2f} asleep, {rates[awake]:.2f} awake")
    for k, name in enumerate(("night", "day")):
        stays, wakes = np.exp(log_A[k, 0])
        print(f"by {name}: {wakes:.2f} wake up in an hour, {stays:.2f} sleep on")
    path = model.predict(movements, inputs=light)
    print(f"{np.mean((path == awake) == states):.0%} of the hours are recognised")
    try:
        from matplotlib import pyplot as plt
    except ImportError:  # pip install srcdiff[plot]
        return
    plt.bar(np.arange(96), movements[:96], label="movements")
    plt.step(np.arange(96), 6.0 * (path[:96] == awake), "k", label="awake, by the best path")
    plt.xlabel("hour")
    plt.legend()
    plt.savefig("io_hmm.png")


if __name__ == "__main__":
    main()
