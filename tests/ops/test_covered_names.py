"""Names that have to be covered, each held against its row in docs/coverage.md."""

import re

import pytest
from ops.test_coverage_table import TOOL

NUMPY = """
    abs absolute acos acosh add all allclose amax amin angle any append arccos arccosh arcsin arcsinh arctan
    arctan2 arctanh argmax argmin argsort array array_split asarray asin asinh astype atan atan2 atanh
    atleast_1d atleast_2d atleast_3d broadcast_to ceil clip column_stack concatenate conj conjugate cos cosh
    count_nonzero cross cumsum deg2rad degrees diag diagonal diff divide dot dsplit einsum exp exp2
    expand_dims expm1 eye fabs fix fliplr flipud floor fmax fmin full full_like gradient hsplit hstack hypot
    identity imag inner isfinite isinf isnan kron linspace log log10 log1p log2 logaddexp logaddexp2 matmul
    max maximum mean min minimum mod moveaxis multiply nan_to_num negative nonzero ones ones_like outer pad
    partition permute_dims pow power prod rad2deg radians ravel real real_if_close reciprocal remainder repeat
    reshape rint roll rollaxis rot90 round searchsorted select sign sin sinc sinh sort split sqrt square
    squeeze stack std subtract sum swapaxes tan tanh tensordot tile trace transpose tril triu true_divide
    trunc unique var vsplit vstack where zeros zeros_like average block broadcast_arrays cbrt choose compress
    convolve copysign correlate corrcoef cov cumprod delete dstack ediff1d extract flip float_power insert
    interp ix_ lexsort median meshgrid nancumsum nanmax nanmean nanmin nanstd nansum nanvar percentile polyadd
    polyfit polymul polyval ptp put put_along_axis quantile resize take take_along_axis trapezoid tri unwrap
    vander vdot vecdot
"""
LINALG = """
    cholesky cond det eig eigh eigvals eigvalsh inv lstsq matrix_power multi_dot norm pinv qr slogdet solve
    svd svdvals tensorinv tensorsolve
"""
FFT = "fft ifft fft2 ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft fftshift ifftshift"
RANDOM = """
    normal uniform exponential gamma beta dirichlet standard_t laplace gumbel logistic lognormal multivariate_normal
"""
SPECIAL = """
    beta betainc betaln digamma ellipe ellipk entr erf erfc erfcinv erfcx erfinv exp1 expi expit gamma
    gammainc gammaincc gammaln gammasgn hyp2f1 i0 i0e i1 i1e iv ive j0 j1 jn kl_div kn kv lambertw log_expit
    log_ndtr log_softmax logit logsumexp loggamma multigammaln ndtr ndtri ndtri_exp owens_t polygamma poch psi rel_entr
    rgamma softmax softplus xlog1py xlogy y0 y1 yn zeta
"""
SCIPY_LINALG = """
    block_diag cho_factor cho_solve cholesky det eigh expm inv lu_factor lu_solve logm pinv qr solve
    solve_banded solve_continuous_lyapunov solve_discrete_lyapunov solve_sylvester solve_triangular
    solve_toeplitz sqrtm svd toeplitz
"""
OTHERS = """
    signal.convolve signal.fftconvolve signal.lfilter integrate.odeint integrate.solve_ivp integrate.quad
    integrate.trapezoid integrate.simpson optimize.root_scalar optimize.brentq optimize.fixed_point optimize.minimize
    optimize.root interpolate.CubicSpline interpolate.interp1d ndimage.convolve ndimage.map_coordinates
"""
CONTINUOUS = "norm t gamma beta chi2 expon laplace lognorm uniform cauchy invgamma weibull_min"
MASSES = "poisson bernoulli binom"

WANTED = (
    *(f"np.{n}" for n in NUMPY.split() if n != "tensordot"),
    "np.linalg.tensordot",  # which is the same object
    *(f"np.linalg.{n}" for n in LINALG.split()),
    *(f"np.fft.{n}" for n in FFT.split()),
    *(f"np.random.Generator.{n}" for n in RANDOM.split()),
    *(f"scipy.special.{n}" for n in SPECIAL.split()),
    *(f"scipy.linalg.{n}" for n in SCIPY_LINALG.split()),
    *(f"scipy.{n}" for n in OTHERS.split()),
    *(
        f"scipy.stats.{n}.{m}"
        for n in CONTINUOUS.split()
        for m in ["logpdf", "pdf", "cdf", "logcdf", "sf", "logsf", "entropy"]
    ),
    *(
        f"scipy.stats.{n}.{m}"
        for n in MASSES.split()
        for m in ["logpmf", "pmf", "cdf", "logcdf", "sf", "logsf"]
    ),
    *(f"scipy.stats.{n}.logpdf" for n in ("multivariate_normal", "dirichlet")),
    *("np.add.at", "np.add.reduce", "np.add.accumulate", "np.add.outer"),
)

# what draws move by are integrals, whose derivatives by the parameters are refused by name
ONCE = [f"np.random.Generator.{n}" for n in ("gamma", "beta", "dirichlet", "standard_t")]

# Numba's generators have no such draws, and compiled code calls no solver of Python functions
NOT_COMPILED = [
    *(f"np.random.Generator.{n}" for n in ("dirichlet", "gumbel", "multivariate_normal")),
    *(f"scipy.integrate.{n}" for n in ("odeint", "solve_ivp", "quad")),
    *(f"scipy.optimize.{n}" for n in ("root_scalar", "brentq", "fixed_point", "minimize", "root")),
]


def rows():
    found = {}
    for key, row in TOOL.read_table().items():
        if " with " not in key:
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", key), row)
    return found


ROWS = rows()


def test_every_name_has_a_row():
    assert [n for n in WANTED if n not in ROWS] == []


@pytest.mark.parametrize("column", ["value", "float32"])
def test_values_are_right_in_both_precisions(column):
    assert [n for n in WANTED if ROWS[n][column] != "yes"] == []


def test_derivatives_are_right_or_there_is_none():
    """In both modes, and of the gradient."""
    for column in ("reverse", "forward"):
        assert [n for n in WANTED if ROWS[n][column] == "no"] == []
    assert [n for n in WANTED if ROWS[n]["second order"] == "no"] == ONCE


# NumPy compares complex numbers by their real parts first; the dtype of `real_if_close` depends on the values


def test_numpy_s_functions_take_complex_numbers_but_those_listed():
    refused = {n for n in WANTED if n.startswith("np.") and ROWS[n]["complex"] == "no"}
    assert refused == {"np.searchsorted", "np.lexsort", "np.real_if_close"}


def test_compiled_code_has_all_but_what_is_listed():
    assert [n for n in WANTED if ROWS[n]["Numba"] != "yes"] == NOT_COMPILED
