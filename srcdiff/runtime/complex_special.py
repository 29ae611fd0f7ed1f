"""Special functions of complex numbers for compiled code: the inner loops of SciPy's ufuncs, called for one number.

They compute in double precision.
"""

from scipy.special import _ufuncs

from srcdiff.runtime.math.ufunc_inner_loops import looped

complex_digamma = looped(_ufuncs.psi, "D->D")
complex_gamma = looped(_ufuncs.gamma, "D->D")
complex_loggamma = looped(_ufuncs.loggamma, "D->D")
complex_rgamma = looped(_ufuncs.rgamma, "D->D")
complex_erf = looped(_ufuncs.erf, "D->D")
complex_erfc = looped(_ufuncs.erfc, "D->D")
complex_erfcx = looped(_ufuncs.erfcx, "D->D")
complex_exp1 = looped(_ufuncs.exp1, "D->D")
complex_expi = looped(_ufuncs.expi, "D->D")
complex_log_ndtr = looped(_ufuncs.log_ndtr, "D->D")
complex_ndtr = looped(_ufuncs.ndtr, "D->D")
complex_iv = looped(_ufuncs.iv, "dD->D")
complex_ive = looped(_ufuncs.ive, "dD->D")
complex_jv = looped(_ufuncs.jv, "dD->D")
complex_jve = looped(_ufuncs.jve, "dD->D")
complex_kv = looped(_ufuncs.kv, "dD->D")
complex_kve = looped(_ufuncs.kve, "dD->D")
complex_yv = looped(_ufuncs.yv, "dD->D")
complex_yve = looped(_ufuncs.yve, "dD->D")
complex_xlogy = looped(_ufuncs.xlogy, "DD->D")
complex_xlog1py = looped(_ufuncs.xlog1py, "DD->D")
complex_hyp2f1 = looped(_ufuncs.hyp2f1, "dddD->D")
