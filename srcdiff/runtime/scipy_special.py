"""SciPy's special functions for compiled code: the C functions of `scipy.special.cython_special`, called by name.

    from srcdiff.runtime.scipy_special import i0

Numba caches compiled code that refers to a symbol, and refuses to cache code that contains an address of this process.
So each address is registered with LLVM under a symbol of srcdiff. The functions compute in float64; for float32 they
return float32, as SciPy's own ufuncs do.
"""

import ctypes

from llvmlite.binding import add_symbol
from numba import njit, types
from numba.extending import get_cython_function_address

# `import scipy.special.cython_special` would bind the name `scipy`
from scipy.special import _ufuncs, cython_special

from srcdiff.runtime.math.llvm_primitives import STRICT, like, real, wider
from srcdiff.runtime.math.ufunc_inner_loops import looped


def c_function(name, count):
    """The external function of `count` doubles for compiled code; None if this SciPy has none."""
    # a fused function has several types, under several names
    spelled = (name, *(f"__pyx_fuse_{k}{name}" for k in range(3)))
    wanted = f"double ({'double, ' * count}int __pyx_skip_dispatch)"
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    for entry in spelled:
        capsule = cython_special.__pyx_capi__.get(entry)
        if capsule is not None and name_of(capsule).decode() == wanted:
            address = get_cython_function_address("scipy.special.cython_special", entry)
            add_symbol(f"scipy_special_{name}", address)
            signature = types.float64(*[types.float64] * count, types.int32)
            return types.ExternalFunction(f"scipy_special_{name}", signature)
    return None


def bound(name, count):
    """The C function as a function of numbers for compiled code."""
    function = c_function(name, count)

    def of_one(x):
        return like(real(x), function(float(x), 0))

    def of_two(x, y):
        return like(wider(x, y), function(float(x), float(y), 0))

    def of_three(x, y, z):
        return like(wider(wider(x, y), z), function(float(x), float(y), float(z), 0))

    def of_four(x, y, z, w):
        widest = wider(wider(x, y), wider(z, w))
        return like(widest, function(float(x), float(y), float(z), float(w), 0))

    call = (of_one, of_two, of_three, of_four)[count - 1]
    call.__name__ = call.__qualname__ = name
    return njit(**STRICT)(call)


# functions that `cython_special` lacks are inner loops of SciPy's ufuncs
of_lambert = looped(_ufuncs._lambertw, "Dld->D")
of_riemann = looped(_ufuncs._riemann_zeta, "d->d")
of_hurwitz = looped(_ufuncs._zeta, "dd->d")


@njit(**STRICT)
def lambertw(z, k):
    return of_lambert(z, k, 1e-8)


@njit(**STRICT)
def riemann_zeta(x):
    return like(real(x), of_riemann(float(x)))


@njit(**STRICT)
def zeta(x, q):
    return like(wider(x, q), of_hurwitz(float(x), float(q)))


ellipe = bound("ellipe", 1)
ellipk = bound("ellipk", 1)
entr = bound("entr", 1)
erfcinv = bound("erfcinv", 1)
erfcx = bound("erfcx", 1)
erfinv = bound("erfinv", 1)
exp1 = bound("exp1", 1)
expi = bound("expi", 1)
gamma = bound("gamma", 1)
gammasgn = bound("gammasgn", 1)
i0 = bound("i0", 1)
i0e = bound("i0e", 1)
i1 = bound("i1", 1)
i1e = bound("i1e", 1)
j0 = bound("j0", 1)
j1 = bound("j1", 1)
k0 = bound("k0", 1)
k0e = bound("k0e", 1)
k1 = bound("k1", 1)
k1e = bound("k1e", 1)
loggamma = bound("loggamma", 1)
logit = bound("logit", 1)
ndtri = bound("ndtri", 1)
ndtri_exp = bound("ndtri_exp", 1)
rgamma = bound("rgamma", 1)
y0 = bound("y0", 1)
y1 = bound("y1", 1)
beta = bound("beta", 2)
betaln = bound("betaln", 2)
gammainc = bound("gammainc", 2)
gammaincc = bound("gammaincc", 2)
gammainccinv = bound("gammainccinv", 2)
gammaincinv = bound("gammaincinv", 2)
iv = bound("iv", 2)
ive = bound("ive", 2)
jv = bound("jv", 2)
jve = bound("jve", 2)
kl_div = bound("kl_div", 2)
kn = bound("kn", 2)
kv = bound("kv", 2)
kve = bound("kve", 2)
owens_t = bound("owens_t", 2)
dawsn = bound("dawsn", 1)
erfi = bound("erfi", 1)
ellipeinc = bound("ellipeinc", 2)
ellipkinc = bound("ellipkinc", 2)
hyp1f1 = bound("hyp1f1", 3)
poch = bound("poch", 2)
rel_entr = bound("rel_entr", 2)
stdtr = bound("stdtr", 2)
stdtrit = bound("stdtrit", 2)
xlog1py = bound("xlog1py", 2)
xlogy = bound("xlogy", 2)
yn = bound("yn", 2)
yv = bound("yv", 2)
yve = bound("yve", 2)
betainc = bound("betainc", 3)
betaincinv = bound("betaincinv", 3)
hyp2f1 = bound("hyp2f1", 4)
