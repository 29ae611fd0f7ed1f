import numpy as np


def eccentric_anomaly_value_and_grad(mean_anomaly, e, tol):
    """Value and gradient of `eccentric_anomaly` with respect to `mean_anomaly`, `e`."""
    # forward
    Es = []
    E = mean_anomaly
    while True:
        Es.append(E)
        step = (E - e * np.sin(E) - mean_anomaly) / (1.0 - e * np.cos(E))
        if step > 1.0:
            step = 1.0
        E = E - step
        if abs(step) < tol:
            break
    value = E

    # backward
    d_E = 1.0
    d_e = 0.0
    d_mean_anomaly = 0.0
    for E in reversed(Es):
        sine = np.sin(E)
        cosine = np.cos(E)
        denominator = 1.0 - e * cosine
        step = (E - e * sine - mean_anomaly) / denominator
        if step > 1.0:
            d_step = 0.0
        else:
            d_step = -d_E
        d_z = d_step / denominator
        ratio = d_step * step / denominator
        d_E += e * (-d_z * cosine - ratio * sine) + d_z
        d_e += ratio * cosine - d_z * sine
        d_mean_anomaly -= d_z
    d_mean_anomaly += d_E
    return value, (d_mean_anomaly, d_e)
