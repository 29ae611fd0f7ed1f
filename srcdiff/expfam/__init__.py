"""Exponential families and inference from a log-partition function, whose gradient holds the expected statistics.

In: `log_Z(eta, *data)` in NumPy; out: expected statistics, E-step, Fisher information, entropy, divergence and maximum
likelihood, generated from it. Start with `core/identities`; `sequence` has hidden Markov models, chains and linear
dynamical systems.
"""

from srcdiff.expfam.core.family import Family, family
from srcdiff.expfam.core.identities import (
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
from srcdiff.expfam.core.multivariate_gaussian import multivariate_gaussian
from srcdiff.expfam.core.semiring_queries import count, expected_cost, kbest, max_marginals, sample
from srcdiff.expfam.core.univariate import (
    bernoulli,
    beta,
    categorical,
    dirichlet,
    gamma,
    gaussian,
    poisson,
)
from srcdiff.expfam.sequence.chains import (
    chain,
    crf,
    hmm,
    hmm_transition_first,
    io_hmm,
    io_hmm_transition_first,
    semi_markov,
)
from srcdiff.expfam.sequence.emissions import Emissions
from srcdiff.expfam.sequence.hmm import HMM
from srcdiff.expfam.sequence.input_hmm import IOHMM
from srcdiff.expfam.sequence.kalman import lds
from srcdiff.expfam.sequence.lds import LDS

__all__ = [
    "Emissions", "Family", "Fisher", "Formula", "HMM", "IOHMM", "Inference", "Information", "LDS", "ThirdCumulant",
    "bernoulli", "beta", "categorical", "chain", "count", "crf", "cross_entropy", "dirichlet", "e_step", "entropy",
    "expected_cost", "family", "fisher", "gamma", "gaussian", "hmm", "hmm_transition_first", "io_hmm",
    "io_hmm_transition_first", "kbest", "kl", "lds", "max_marginals", "mean", "multivariate_gaussian",
    "observed_information", "poisson", "sample", "semi_markov", "third_cumulant", "viterbi",
]  # fmt: skip
