"""Inference from a log-partition function: its gradient holds the expected statistics.

Write `log_Z(eta, *data)` in NumPy; expected statistics, E-step, Fisher information, entropy, divergence and maximum
likelihood are generated from it.
"""

from srcdiff.expfam.chains import (
    chain,
    crf,
    hmm,
    hmm_transition_first,
    io_hmm,
    io_hmm_transition_first,
    semi_markov,
)
from srcdiff.expfam.derived import (
    Fisher,
    Formula,
    Inference,
    Information,
    ThirdCumulant,
    cross_entropy,
    e_step,
    entropy,
    fisher,
    kl,
    mean,
    observed_information,
    third_cumulant,
    viterbi,
)
from srcdiff.expfam.emissions import Emissions
from srcdiff.expfam.family import Family, family
from srcdiff.expfam.gaussian import multivariate_gaussian
from srcdiff.expfam.hidden_markov import HMM, IOHMM
from srcdiff.expfam.linear_dynamics import lds
from srcdiff.expfam.semirings import count, expected_cost, kbest, max_marginals, sample
from srcdiff.expfam.standard import (
    bernoulli,
    beta,
    categorical,
    dirichlet,
    gamma,
    gaussian,
    poisson,
)
from srcdiff.expfam.state_space import LDS

__all__ = [
    "Emissions", "Family", "Fisher", "Formula", "HMM", "IOHMM", "Inference", "Information", "LDS", "ThirdCumulant",
    "bernoulli", "beta", "categorical", "chain", "count", "crf", "cross_entropy", "dirichlet", "e_step", "entropy",
    "expected_cost", "family", "fisher", "gamma", "gaussian", "hmm", "hmm_transition_first", "io_hmm",
    "io_hmm_transition_first", "kbest", "kl", "lds", "max_marginals", "mean", "multivariate_gaussian",
    "observed_information", "poisson", "sample", "semi_markov", "third_cumulant", "viterbi",
]  # fmt: skip
