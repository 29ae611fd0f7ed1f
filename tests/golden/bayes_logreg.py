import numpy as np
from scipy.special import expit


def elbo_value_and_grad(mu, C, eps, X, y):
    """Value and gradient of `elbo` with respect to `mu`, `C`."""
    # forward
    eta = mu + eps @ C.T
    logit = -y * (eta @ X.T)
    log_lik = -np.sum(np.logaddexp(0.0, logit)) / len(eps)
    denominator = np.diag(C)
    kl = 0.5 * (np.sum(C**2) + mu @ mu - len(mu)) - np.sum(np.log(denominator))
    value = log_lik - kl

    # backward
    d_eta = y / len(eps) * expit(logit) @ X
    d_mu = np.sum(d_eta, axis=0) - mu
    d_C = d_eta.T @ eps - C
    np.fill_diagonal(d_C, np.diag(d_C) + 1.0 / denominator)
    return value, (d_mu, d_C)
