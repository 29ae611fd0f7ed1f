"""Programs that write into arrays, numbers on lists, parts of complex numbers: what nobody planned for.

Each is compared with what it does as Python, and with finite differences (`test_in_place.py`). Some compute in roundabout
ways on purpose: the same array under several names, views of views, helpers that write what they are given.
"""

# ruff: noqa

import operator

import numpy as np


def program_001(x):
    y = x.copy()
    z = y
    z *= 2
    y += z
    z[0] = y[1] * z[0]
    return np.sum(y * x)


def program_002(x):
    y = x * 1.0
    y[1:] += y[:-1]
    y[:-1] += y[1:]
    return np.sum(y**2)


def program_003(x):
    y = x * 1.0
    y[:] = y[::-1]
    y[::2] *= y[0]
    return np.sum(y * x)


def program_004(x):
    y = x.copy()
    v = y[1:4]
    w = v[1:]
    w[0] = v[0] * 3
    v *= y[0]
    return np.sum(y**2) + w[0]


def program_005(x):
    y = x.copy()
    np.multiply(y, x, out=y)
    np.add(y[1:], y[:-1], out=y[1:])
    return np.sum(y**2)


def program_006(x):
    y = np.empty_like(x)
    np.sin(x, out=y)
    np.exp(y, out=y)
    z = np.multiply(y, x, out=np.zeros(5))
    return np.sum(z * y)


def program_007(x):
    y = np.zeros(5)
    r = np.add(x, 1.0, out=y)
    r *= 2.0
    return np.sum(y**2)


def program_008(x):
    y = x.copy()
    np.copyto(y[1:3], x[3:] * 2)
    np.copyto(y, x * x, where=x > 0.4)
    return np.sum(y * y)


def program_009(x):
    y = x.copy()
    np.putmask(y, y > 0, y**2)
    return np.sum(y * x)


def program_010(x):
    y = x.copy()
    np.putmask(y, y > 0, np.array([1.0, 2.0]) * x[0])
    return np.sum(y * x)


def program_011(x):
    y = x.copy()
    np.place(y, y > 0, np.array([2.0, 3.0]) * x[1])
    return np.sum(y * x)


def program_012(x):
    y = x.copy()
    np.put(y, [0, 3], x[1:3] ** 2)
    y.put([1, -1], x[0])
    return np.sum(y * x)


def program_013(x):
    y = x.copy()
    y.fill(x[2])
    y[1] = x[1]
    return np.sum(y * x)


def program_014(x):
    y = x.copy()
    y.sort()
    return np.sum(y * np.arange(5.0)) + y[0] * x[0]


def program_015(x):
    y = x.copy()
    v = y[1:]
    v.sort()
    return np.sum(y * np.arange(5.0)) ** 2


def program_016(A):
    B = A.copy()
    B.sort(axis=0)
    B[0].sort()
    return np.sum(B * np.arange(6.0).reshape(2, 3)) ** 2


def program_017(x):
    y = x.copy()
    y.partition(2)
    return np.sum(np.sort(y[:2])) * y[2]


def program_018(x):
    y = np.resize(x, 8)
    y[0] = 3 * y[5]
    return np.sum(y**2)


def program_019(A):
    B = A.copy()
    B.flat[1] = A[0, 0] ** 2
    B.flat[2:5] *= 2.0
    return np.sum(B**2)


def program_020(A):
    B = A.copy()
    B.T[0, 1] = B[0, 1] ** 2
    B.T[1:] *= A[0, 0]
    return np.sum(B**2)


def program_021(A):
    B = A.copy()
    B.T.ravel()[0] = 5.0
    B.ravel()[1] *= 4.0
    return np.sum(B**2)


def program_022(A):
    B = A.copy()
    r = B.T.reshape(-1)
    r[0] = 7.0 * A[1, 1]
    return np.sum(B**2) + np.sum(r**2)


def program_023(A):
    B = A.copy()
    r = B.reshape(-1)
    r[1::2] *= B[0, 0]
    return np.sum(B**2) * r[1]


def program_024(S):
    B = S.copy()
    np.fill_diagonal(B, S[0, 1] * 2)
    B[np.diag_indices(3)] += S[:, 0]
    return np.sum(B**2)


def program_025(S):
    d = np.diag(S) * 2.0
    d[0] = S[1, 2]
    return np.sum(d**2) + np.sum(S)


def program_026(S):
    B = S.copy()
    B.flat[::4] += S[0]
    return np.sum(B**3)


def program_027(z):
    w = z * (1 + 0j)
    w.real = w.real**2
    w.imag[1] = w.real[0]
    return np.sum(np.abs(w) ** 2)


def program_028(x):
    w = x + 1j * x**2
    re = w.real
    re *= 2.0
    w.imag += re
    return np.sum(w.real * w.imag)


def program_029(x):
    w = np.zeros(5, dtype=complex)
    w.real[:] = x
    w.imag[1:] = x[:-1]
    w *= w
    return np.sum(w.real * x) + np.sum(w.imag)


def program_030(x):
    y = x.copy()
    idx = np.array([0, 0, 3])
    y[idx] += x[1:4]
    return np.sum(y**2)


def program_031(x):
    y = x.copy()
    idx = np.array([0, 0, 3])
    y[idx] = x[1:4] * y[idx]
    return np.sum(y**2)


def program_032(x):
    y = x.copy()
    np.add.at(y, [0, 0, 3], x[1:4])
    np.multiply.at(y, [1, 1], x[0])
    np.subtract.at(y, np.array([2, 2]), x[:2])
    return np.sum(y**2)


def program_033(x):
    y = np.zeros(5)
    np.maximum.at(y, [0, 0, 1], x[:3])
    return np.sum(y * x)


def program_034(A):
    B = A.copy()
    B[[0, 1], [2, 0]] = B[[1, 0], [0, 1]] * 2
    B[[1]] += A[0]
    return np.sum(B**2)


def program_035(A):
    B = A.copy()
    B[A > 0.3] = A[A > 0.3] ** 2
    B[:, A[0] > 0] *= 2
    return np.sum(B**2)


def program_036(A):
    B = A.copy()
    m = B > 0
    B[m] *= B[~m].sum()
    return np.sum(B**2)


def program_037(x):
    y = x.copy()
    m = y > 0
    y[m] = 0.0
    y[m] += x[m] * 3
    return np.sum(y**2)


def w42(v, c):
    v[0] = v[1] * c
    v += c


def program_038(x):
    y = x.copy()
    w42(y, x[2])
    w42(y[2:], y[0])
    w42(y[::-1], y[3])
    return np.sum(y**2)


def w43(v, w):
    v[0] = w[1] ** 2
    w[0] = v[0] * v[1]
    return v


def program_039(x):
    y = x.copy()
    r = w43(y, y)
    r *= 2.0
    return np.sum(y**2)


def program_040(x):
    y = x.copy()
    r = w43(y[:3], y[1:])
    r += y[0]
    return np.sum(y**2)


def w45(d):
    d["a"][0] = d["b"][1]
    d["b"] = d["a"] * 2


def program_041(x):
    d = {"a": x.copy(), "b": x**2}
    a = d["a"]
    w45(d)
    d["b"][1] = 0.0
    return np.sum(a**2) + np.sum(d["b"] * x)


def program_042(x):
    t = (x.copy(), x * 2)
    t[0][1] = t[1][0] ** 2
    u = t[0]
    u *= t[1]
    return np.sum(t[0] ** 2)


def program_043(x):
    l = [x.copy(), x * 2]
    l[0][0] = 3 * x[1]
    l[1] = l[0]
    l[1][2] = x[0] ** 2
    return np.sum(l[0] * l[1])


def program_044(x):
    l = [x * k for k in range(3)]
    for v in l:
        v[1:] += v[0] * x[2] + v[:-1]
    return sum(np.sum(v**2) for v in l)


def program_045(A):
    B = A.copy()
    for row in B:
        row *= row[0]
        row[-1] = 1.0
    return np.sum(B**2)


def program_046(A):
    B = A.copy()
    for i, row in enumerate(B):
        B[1 - i, 0] += row[1]
        row[0] *= 2
    return np.sum(B**2)


def program_047(A):
    B = A.copy()
    for col in B.T:
        col += col[::-1]
    return np.sum(B**2)


def program_048(x):
    u, v = x.copy(), x * 0.5
    for k in range(3):
        np.multiply(u, v, out=v)
        v[k] += u[k + 1]
        u, v = v, u
    return np.sum(u**2 + v)


def program_049(x):
    u = [x.copy(), np.zeros(5)]
    for k in range(4):
        a, b = u[k % 2], u[1 - k % 2]
        b[1:] = a[:-1] * x[k] + a[1:]
        b[0] = a[0]
    return np.sum(u[0] ** 2) + np.sum(u[1])


def program_050(x):
    buf = np.zeros((2, 5))
    buf[0] = x
    for k in range(4):
        src, dst = buf[k % 2], buf[(k + 1) % 2]
        dst[:] = np.sin(src) + src[::-1] * 0.3
    return np.sum(buf[0] ** 2) + np.sum(buf[1])


def program_051(n, a):
    T = np.empty((n, n, 2))
    for i in range(n):
        for j in range(n):
            for k in range(2):
                T[i, j, k] = np.sin(a * (i - j)) + k * a
        T[i, :, 0] *= T[i, i, 1]
    return np.sum(T**2)


def program_052(x):
    y = np.empty(5)
    for i in range(5):
        y[i] = x[i] * (y[i - 1] if i else 1.0)
    return np.sum(y)


def program_053(x):
    y = x.copy()
    y = y + 1
    y -= x[0]
    z = y
    z = z * 2
    z += 1
    return np.sum(y * z)


def program_054(x):
    y = x
    y = y * 2
    y += 1
    return np.sum(y * x)


def program_055(x):
    s = x[0]
    t = s
    t += x[1]
    return s * t


def program_056(x):
    y = x.copy()
    a = y[0]
    y[0] = 5.0
    return a * y[0] * x[1]


def program_057(x):
    y = x.copy()
    a = y[:1]
    y[0] = 5.0 * x[2]
    return a[0] * y[0] * x[1]


def program_058(A):
    B = A.copy()
    r0, r1 = B
    r0 *= r1
    r1[0] = r0[1]
    return np.sum(B**2)


def program_059(A):
    B = A.copy()
    B[0], B[1] = B[1], B[0]
    return np.sum(B**2 * np.arange(6).reshape(2, 3))


def program_060(A):
    B = A.copy()
    B[[0, 1]] = B[[1, 0]]
    B[:, [0, 2]] = B[:, [2, 0]]
    return np.sum(B**2 * np.arange(6).reshape(2, 3))


def program_061(x):
    i = 0
    y = x.copy()
    i, y[i] = 2, 7.0 * x[1]
    y[i] = y[0] ** 2
    return np.sum(y * x)


def program_062(x):
    y = x.copy()
    y[0] = y[1] = x[3] ** 2
    a = b = np.zeros(2)
    a[0] = x[0]
    b[1] = a[0] * x[1]
    return np.sum(y * x) + np.sum(a**2)


def program_063(x):
    y = x.copy()
    y[1:3] = y[1:3][::-1]
    y[...] += 1
    y[None][0, 1] = x[0]
    return np.sum(y**2)


def program_064(x):
    y = x.copy()
    v = y[::-1][1:3][::-1]
    v[0] = x[0] ** 2
    v *= 3
    return np.sum(y**2)


def program_065(x):
    y = x.copy()
    v = y.reshape(5, 1)
    v[2:] *= x[0]
    v[:, 0] += 1
    v.T[0, 0] = 2 * x[4]
    return np.sum(y**2)


def program_066(T):
    U = T.copy()
    V = U.transpose(2, 0, 1)
    V[0, 1] = V[1, 0] ** 2
    V[..., 1] *= 2
    return np.sum(U**2)


def program_067(T):
    U = T.copy()
    W = np.moveaxis(U, 0, -1)[1]
    W[0] += W[1]
    W *= T[0, 0, 0]
    return np.sum(U**2)


def program_068(T):
    U = T.copy()
    U[:, 0][1] = 2.0 * T[0, 0]
    U[0][1][0] = T[1, 1, 1]
    U[0, 1][1:][0] *= 3
    return np.sum(U**3)


def program_069(T):
    U = T.copy()
    W = U.reshape(4, -1)
    W[1] *= W[0]
    W[:, 0] = T[0, 0, 1]
    return np.sum(U**2)


def program_070(x):
    y = x.copy()
    b = np.broadcast_to(y, (3, 5))
    y[0] *= 3.0
    return np.sum(b**2)


def program_071(x):
    y = x.copy()
    a, b = np.split(y, [2])
    a *= b[0]
    b[1:] = a
    return np.sum(y**2)


def program_072(A):
    B = A.copy()
    p, q = np.hsplit(B[:, :2], 2)
    p += q**2
    q[0] = p[1]
    return np.sum(B**2)


def program_073(x):
    y = x.copy()
    z = np.atleast_2d(y)
    z[0, 1] = x[0] ** 2
    w = np.squeeze(z)
    w *= 2
    return np.sum(y**2)


def program_074(x):
    y = np.asarray(x * 2)
    z = np.asarray(y)
    z[0] = x[1]
    w = np.array(y)
    w[1] = 0
    return np.sum(y * w)


def program_075(x):
    y = np.array(x, copy=False) if False else np.array(x)
    y *= x
    return np.sum(y)


def program_076(x):
    y = x.copy()
    y **= 2
    y /= 1 + x[0] ** 2
    y -= y[0]
    y %= 3.0
    y //= 0.7
    return np.sum(y * x)


def program_077(A):
    B = A.copy()
    B @= np.array([[1.0, 0.2, 0], [0.1, 1, 0], [0, 0.3, 1]]) * A[0, 0]
    return np.sum(B**2)


def program_078(x):
    y = np.zeros(5)
    for i in range(5):
        y[i:] += x[i] * y[i] + x[: 5 - i]
    return np.sum(y**2)


def program_079(x):
    y = x.copy()
    for i in range(1, 5):
        y[:i] = y[:i] * y[i]
    return np.sum(y)


def program_080(x):
    y = x.copy()
    n = 5
    while n > 1:
        n -= 1
        y[:n] += y[1 : n + 1] ** 2
    return y[0]


def program_081(x):
    y = x.copy()
    m = 0.0
    for k in range(3):
        old = y.copy()
        y[1:-1] = 0.5 * (old[2:] + old[:-2])
        y[0] = old[-1] * x[k]
        m += np.sum(y - old) ** 2
    return m


def program_082(x):
    y = x.copy()
    old = y
    y = y * 2
    y[0] = 1.0
    old[1] = y[2]
    return np.sum(y * old)


class Box:
    def __init__(self, v):
        self.v = v
        self.n = 0

    def scale(self, c):
        self.v *= c
        self.n += 1
        return self

    def put(self, i, c):
        self.v[i] = c


def program_083(x):
    b = Box(x.copy())
    b.scale(x[0]).scale(2.0)
    b.put(1, b.v[0] ** 2)
    w = b.v
    w[2] = x[0]
    b.v = b.v + 1
    w[3] = 0.0
    return np.sum(b.v**2) + np.sum(w)


def program_084(x):
    b = Box(x.copy())
    c = b
    c.v[0] = x[1]
    c.v = c.v * 2
    b.v += x
    return np.sum(b.v**2)


def program_085(x):
    out = []
    y = x.copy()
    for k in range(3):
        y[k] = y[k + 1] * 2
        out.append(y.copy())
        y *= 1.5
    return sum(np.sum(o * x) for o in out)


def program_086(x):
    acc = np.zeros(5)
    hist = np.zeros((4, 5))
    for k in range(4):
        acc += x**k
        hist[k] = acc
        acc[k] = 0.0
    return np.sum(hist**2)


def program_087(x):
    y = x.copy()

    def bump(i):
        y[i] += y[i - 1] * 2

    for i in range(5):
        bump(i)
    return np.sum(y**2)


def program_088(x):
    y = x.copy()
    f = lambda v: np.multiply(v, 2.0 * x[0], out=v)
    f(y)
    f(y[1:])
    return np.sum(y**2)


def program_089(x):
    y = x.copy()
    y[np.argmax(y)] = 0.0
    y[np.argsort(y)[:2]] *= x[0]
    return np.sum(y**2)


def program_090(x):
    y = x.copy()
    y[np.where(y > 0)] = x[0]
    y[np.nonzero(y < -0.5)[0]] *= 3
    y[np.flatnonzero(x > 1)] += x[1]
    return np.sum(y**2)


def program_091(A):
    B = A.copy()
    i, j = np.nonzero(B > 0)
    B[i, j] *= 2
    np.add.at(B, (i, j), A[i, j] ** 2)
    return np.sum(B**2)


def program_092(A):
    B = A.copy()
    B[np.ix_([0, 1], [2, 0])] = A[:, :2]
    B[np.ix_([1], [1, 2])] *= A[0, 0]
    return np.sum(B**3)


def program_093(S):
    B = S.copy()
    iu = np.triu_indices(3, 1)
    B[iu] = B.T[iu] ** 2
    B[np.tril_indices(3, -1)] = 0
    return np.sum(B**2)


def program_094(x):
    y = x.copy()
    np.negative(y[::2], out=y[::2])
    np.power(y, 2, out=y)
    np.clip(y, 0.1, 1.0, out=y)
    return np.sum(y * x)


def program_095(x):
    y = np.zeros(5)
    np.cumsum(x, out=y)
    np.cumsum(y**2, out=y)
    return np.sum(y)


def program_096(A):
    s = np.zeros(3)
    np.sum(A, axis=0, out=s)
    t = np.empty(2)
    np.dot(A, s, out=t)
    np.matmul(A, s, out=t)
    return np.sum(t**2)


def program_097(x):
    y = x.copy()
    np.add(y, 1.0, out=y, where=x > 0)
    np.sqrt(y, out=y, where=y > 0.1)
    return np.sum(y)


def program_098(x):
    y = x.copy()
    np.take(x, [1, 1, 0, 3, 2], out=y)
    np.maximum(y, x, out=y)
    return np.sum(y**2)


def program_099(A):
    C = np.zeros((2, 3))
    np.concatenate([A[:1], A[1:] * 2], out=C)
    np.outer(A[:, 0], A[0], out=C)
    return np.sum(C**2)


def program_100(x):
    y = x.copy()
    y[0] = y.item(1) * 2
    y[(1,)] = y[0]
    return np.sum(y * x)


def program_101(x):
    y = x.copy()
    ix = (slice(1, 3),)
    y[ix] *= 3
    s = slice(None, None, 2)
    y[s] += y[s] ** 2
    y[s][0] = x[1]
    return np.sum(y * x)


def program_102(x):
    y = x.copy()
    k = 1
    y[k], k = y[k + 1] * 2, 3
    y[k] += y[1]
    return np.sum(y * x)


def program_103(x):
    y = np.zeros((2, 2, 5))
    y[...] = x
    y[0, 1] *= 2
    y[..., 0] = x[1] ** 2
    y[:, 0, 1:3] += x[3:]
    return np.sum(y**2)


def program_104(x):
    y = x.astype(np.float32)
    y *= 2
    z = y.astype(float)
    z += x
    return np.sum(z**2)


def program_105(x):
    y = np.zeros(5, dtype=int)
    y[0] = 3
    y += 1
    z = y * x
    z[y > 1] *= 2
    return np.sum(z**2)


def program_106(x):
    y = x.copy()
    z = y if x[0] > 0 else y[:]
    z[1] = x[0] ** 2
    return np.sum(y**2)


def program_107(x):
    y = x.copy()
    w = x * 2
    z = y if x[0] > 0 else w
    z[1] = x[0] ** 2
    return np.sum(y**2) + np.sum(w)


def program_108(x):
    y = x.copy()
    z = None
    for i in range(3):
        if z is not None:
            z[i] = y[i] * 2
        z = y
    return np.sum(z**2)


def program_109(x):
    y = x.copy()
    stack = [y, y[1:], y[::2]]
    for v in stack:
        v += v[0]
    return np.sum(y**2)


def program_110(x):
    y = x.copy()
    parts = [y[i : i + 2] for i in range(0, 4, 2)]
    for p in parts:
        p[:] = p[::-1] * x[4]
    return np.sum(y * x)


def program_111(x):
    y = x.copy()
    d = dict(a=y, b=y)
    d["a"][0] = x[1]
    d["b"] *= 2
    return np.sum(y**2)


def program_112(A):
    B = A.copy()
    B[0, :] = B[1, :] = A[0] * 2
    B[:, 0], B[:, 1] = B[:, 1].copy(), B[:, 0].copy()
    return np.sum(B * A)


def program_113(A):
    B = A.copy()
    B[:, 0], B[:, 1] = B[:, 1], B[:, 0]
    return np.sum(B * np.arange(6.0).reshape(2, 3) ** 2)


def program_114(x):
    y = np.append(x, x[0])
    y[-1] *= 3
    y[:-1] -= y[1:]
    return np.sum(y**2)


def program_115(x):
    y = x.copy()
    y[:3], y[3:] = y[2:], y[:2] * 2
    return np.sum(y * np.arange(5))


def program_116(x):
    y = x.copy()
    t = y[0:2] + 0
    y[0:2] = y[3:5]
    y[3:5] = t
    y.clip(-0.5, 0.5, out=y)
    return np.sum(y * x)


def program_117(x):
    y = x.copy()
    y.dot(x)
    (y * 2)[0] = 9.0
    y.copy()[1] = 3
    y[[0, 1]][0] = 7
    y[y > 0][0] = 5
    return np.sum(y * x)


def program_118(x):
    y = x.copy()
    a, *r = y
    r[0] = a * 2
    y[0] = 1.0
    return np.sum(y * x) + r[0]


def program_119(A):
    B = A.copy()
    f = B.flatten()
    f[0] = 3.0
    g = B.ravel()
    g[1] = A[1, 1]
    h = B.ravel(order="F")
    h[2] = 1.0
    return np.sum(B**2) + np.sum(f + g + h)


def program_120(A):
    B = A.copy()
    V = B.view()
    V[0] = A[1]
    W = B[:]
    W.shape
    W[1] *= W[0]
    return np.sum(B**2)


def program_121(S):
    B = S.copy()
    d = B.diagonal() * 1.0
    d[0] = 3.0
    B[range(3), range(3)] = d**2
    return np.sum(B**2)


def program_122(S):
    B = S.copy()
    d = B.diagonal()
    B[1, 1] = S[0, 0] ** 3
    return np.sum(d**2)


def program_123(S):
    B = S.copy()
    for k in range(3):
        B[k + 1 :, k] /= B[k, k]
        B[k + 1 :, k + 1 :] -= np.outer(B[k + 1 :, k], B[k, k + 1 :])
    return np.sum(B**2)


def program_124(S):
    B = S.copy()
    b = S[0].copy()
    for k in range(3):
        p = k + np.argmax(np.abs(B[k:, k]))
        if p != k:
            B[[k, p]] = B[[p, k]]
            b[k], b[p] = b[p], b[k]
        for i in range(k + 1, 3):
            f = B[i, k] / B[k, k]
            B[i, k:] -= f * B[k, k:]
            b[i] -= f * b[k]
    return np.sum(b**2) + np.prod(np.diag(B))


def program_125(x):
    y = np.zeros(5)

    def acc(v, out=y):
        out += v
        return out

    acc(x)
    z = acc(x**2)
    z[0] *= 2
    return np.sum(y**2)


def program_126(x):
    y = x.copy()
    z = np.where(y > 0, y, 0.0)
    y[0] = 9.0
    z += y
    return np.sum(z * y)


def program_127(x):
    y = x.copy()
    v = y[1:]
    y = y * 3
    v[0] = 2 * x[0]
    return np.sum(y) * np.sum(v)


def program_128(x):
    y = x.copy()
    v = y[1:]
    y[1] = 4 * x[0]
    y = v
    y[1] = x[3] ** 2
    return np.sum(y * v)


def program_129(x):
    y = x.copy()
    for i in range(2):
        v = y[i:]
        v[0] += 1.0 * x[4]
        y = v
    return np.sum(y**2)


def program_130(x):
    return np.sum(np.add(x, 1, out=x.copy())) + np.sum(np.multiply.outer(x, x)[0])


def program_131(x, A):
    A2 = A.copy()
    A2[0, :2] = x[:2]
    y = A2[0]
    A2[1] += y
    y += A2[1]
    return np.sum(A2**2) + np.sum(y[:2] * x[:2])


def program_132(x):
    y = x.copy()
    y[1:] = np.diff(y)
    y[:-1] *= np.cumsum(y)[1:]
    return np.sum(y)


def program_133(x):
    y = x.copy()
    y[::-1].sort()
    return np.sum(y * np.arange(5.0)) ** 2


def program_134(x):
    i = np.arange(5)
    y = np.zeros((5, 5))
    y[i, i] = x
    y[i[1:], i[:-1]] = x[1:] ** 2
    y[i[:, None] > i] *= 2
    return np.sum(y @ y)


def program_135(x):
    y = x.copy()
    k = np.argmin(y)
    y[k] += 1.0
    y[k : k + 2] *= x[0]
    return np.sum(y**2)


def program_136(x):
    y = np.zeros(5)
    mask = np.zeros(5, dtype=bool)
    mask[::2] = True
    y[mask] = x[mask] ** 2
    y[~mask] = -x[1:4:2]
    mask[0] = False
    y[mask] *= 2
    return np.sum(y * x)


def program_137(x):
    y = x.copy()
    y[0] *= y[0] * y[1]
    y[1] -= y[1] ** 2
    y[2] = -y[2]
    y[3] = y[3] and 2.0 * x[0]
    return np.sum(y * x)


def program_138(x):
    y = x.copy()
    g = (v * 2 for v in y)
    y[0] = 10.0 * x[1]
    return sum(g) * y[0]


def program_139(x):
    y = x.copy()
    s = 0.0
    for v in y:
        y[-1] += v
        s += v * v
    return s


def program_140(x):
    y = x.copy()
    s = 0.0
    for i, (a, b) in enumerate(zip(y, y[1:])):
        y[i + 1] = a * b
        s += a + b
    return s * y[-1]


def program_141(x):
    A = np.zeros((3, 5))
    A[0] = x
    for i in range(2):
        np.multiply(A[i], x, out=A[i + 1])
        A[i] += A[i + 1]
    return np.sum(A**2)


def program_142(A):
    B = A.copy()
    B[0].T[1] = A[1, 1]
    B.T.T[1, 0] *= 3
    B[::-1, ::-1][0, 0] = B[0, 0] ** 2
    return np.sum(B**2)


def program_143(x):
    y = x.copy()
    r = y.ravel()
    r *= 2
    s = np.ravel(y)
    s[0] = x[1]
    return np.sum(y**2)


def program_144(T):
    U = T.copy()
    U.T.ravel()[0] = 9.0
    U.swapaxes(0, 1).reshape(-1)[1] = 8.0
    return np.sum(U**2)


def program_145(x):
    w = x + 1j
    l = [w.real, w.imag]
    l[0][0] = 3 * x[1]
    l[1][:] += x
    return np.sum(np.abs(w) ** 2)


def program_146(x):
    w = x + 1j * x
    for p in (w.real, w.imag):
        p *= 2
        p[0] = x[2]
    return np.sum(np.abs(w) ** 2)


def program_147(x):
    w = x + 1j * x
    r = w.real
    for k in range(3):
        r[k] = r[k + 1] * x[k]
        w *= 1j
    return np.sum(w.real * r) + w.imag[0]


def program_148(x):
    w = np.zeros((2, 5), dtype=complex)
    w[0].real = x
    w[1].imag = x**2
    w.real[:, 1] *= 3
    w.T.imag[0] += x[:2]
    return np.sum(np.abs(w) ** 2)


def program_149(x):
    w = x + 1j * x**2
    np.multiply(w.real, 2.0, out=w.real)
    np.copyto(w.imag, x, where=x > 0)
    w.real.fill(x[1])
    w.imag.sort()
    return np.sum(w.real + w.imag * np.arange(5.0))


def program_150(S):
    B = S.copy()
    d = B.diagonal()
    s = 0.0
    for k in range(3):
        B[k, k] = B[k, k] * 2 + S[0, k]
        s += np.sum(d) * d[k]
    return s


def program_151(S):
    B = S.copy()
    d = np.diag(B)
    if S[0, 0] > 1:
        B *= 2
    return np.sum(d**2) + d[-1] * d[1:][0]


def program_152(x):
    y = x.copy()
    b = np.broadcast_to(y, (3, 5))
    s = 0.0
    for k in range(3):
        s += np.sum(b[k]) ** 2
        y[k] *= x[0]
    return s + np.sum(b[:, 1:] ** 2)


def program_153(x):
    y = x.copy()
    a, b = np.broadcast_arrays(y[:, None], x)
    y[0] = 3.0
    return np.sum(a * b)


def program_154(x):
    y = x.copy()
    y[y.argsort()] = np.arange(5.0) * x[1]
    y[np.array([True, False, True, False, True])] += x[:3]
    return np.sum(y**2)


def program_155(x):
    y = x.copy()
    y[::2], y[1::2] = y[::2] * 2, y[::2][:2]
    return np.sum(y * x)


def program_156(A):
    B = A.copy()
    B[:, 1:] -= B[:, :-1]
    B[1:] *= B[:-1]
    B[..., 1] /= 1 + B[..., 0] ** 2
    return np.sum(B)


def program_157(A):
    B = A.copy()
    B += B.T[:2, :1]
    B[:] = B[::-1]
    B *= B[:, ::-1]
    return np.sum(B * A)


def program_158(x):
    y = x.copy()
    y[1:] = y[1:] + y[:-1]
    y[:-1] = y[1:]
    y += y[::-1]
    y -= y
    y += x
    return np.sum(y**2)


def program_159(x):
    y = np.arange(5.0)
    y += x
    y[[0, 1, 2]], y[[2, 3, 4]] = y[[2, 3, 4]], y[[0, 1, 2]]
    return np.sum(y**2 * np.arange(5))


def upd(state, i, v):
    state["x"][i] = v
    state["n"] += 1
    state["h"].append(v)


def program_160(x):
    st = {"x": x.copy(), "n": 0, "h": []}
    for i in range(5):
        upd(st, i, st["x"][i - 1] * 2 + st["n"])
    return np.sum(st["x"]) + sum(st["h"]) * st["n"]


def program_161(x):
    a = [x.copy()]
    b = a
    b[0] *= 2
    b.append(a[0])
    b[1][0] = 5.0 * x[1]
    return np.sum(a[0] ** 2) + len(a)


def program_162(x):
    a = [[v, v * 2] for v in x[:3]]
    b = a[0]
    b[0] = 3.0 * x[4]
    a[1] = b
    a[1][1] += 1
    return a[0][1] * a[0][0] + a[2][0]


def program_163(x):
    t = ([x[0]], [x[1]])
    t[0].append(x[2])
    u, v = t
    u[0] = v[0] * 2
    v += u
    return sum(t[0]) * sum(t[1])


def program_164(x):
    d = {}
    for i, v in enumerate(("a", "b", "a")):
        d[v] = d.get(v, 0.0) + x[i] ** 2
    return d["a"] * d["b"]


def program_165(x):
    d = {"k": x.copy()}
    e = dict(d)
    f = d.copy()
    e["k"][0] = 2.0 * x[1]
    f["k"] = f["k"] * 3
    return np.sum(d["k"] * f["k"])


def fill_(out, x, k=2.0, *, p=2):
    for i in range(len(out)):
        out[i] = x[i] ** p * k


def program_166(x):
    out = np.empty(5)
    fill_(out, x)
    fill_(out[1:], out, p=3)
    fill_(out=out[:2], x=x, k=out[0])
    return np.sum(out)


def inner_(v, n):
    if n == 0:
        return 0.0
    v[n] += v[n - 1] ** 2
    r = inner_(v[1:] if len(v) > 3 else v, n - 1)
    return r + v[0]


def program_167(x):
    y = x.copy()
    r = inner_(y, 2)
    return r + np.sum(y**2)


def rec_(v, k):
    if k < len(v):
        v[k] = v[k] * v[k - 1]
        rec_(v, k + 1)


def program_168(x):
    y = x.copy()
    rec_(y, 1)
    return np.sum(y)


def program_169(x):
    y = x.copy()
    c = 0

    def bump(d):
        nonlocal c, y
        c += 1
        y[c] += d
        if c == 2:
            y = y * 2
        return y[c]

    s = bump(x[0]) + bump(x[1]) + bump(1.0)
    return s * np.sum(y)


def program_170(x):
    y = x.copy()
    s = 0.0
    try:
        y[0] = 3 * x[1]
        if y[0] > 1:
            raise ValueError
        y[1] = 2.0
    except ValueError:
        s = y[0]
        y[0] = x[2]
    finally:
        y *= 2
    return s + np.sum(y**2)


def program_171(x):
    y = x.copy()
    i = 0
    while y[0] < 20:
        y[0] = y[0] * 2 + 1
        i += 1
        if i > 10:
            break
    else:
        y[1] = y[0] * x[1]
    return np.sum(y)


def program_172(x):
    y = x.copy()
    for i in range(5):
        for j in range(5):
            if y[j] > 1.0:
                break
            if j == i:
                continue
            y[j] += 0.3 * x[i]
        else:
            y[i] *= 2
    return np.sum(y**2)


def program_173(x):
    y = x.copy()
    for i in range(0):
        y[i] = 7.0
    for i in range(5, 2):
        y[0] = 1.0
    k = 0
    while k < 0:
        y[1] = 2.0
        k += 1
    return np.sum(y * x)


def program_174(x):
    y = x.copy()
    if y[0] > 0:
        y[0] = -y[0] * 3
    if y[0] > 0:
        y[1] = 5.0
    else:
        y[2] *= y[0]
    while y[2] < 2:
        y[2] = y[2] ** 2 + 1
    return np.sum(y**2)


def program_175(x):
    y = x.copy()

    def find():
        for i in range(5):
            for j in range(i):
                if y[i] * y[j] < -0.5:
                    y[i] = 0.0
                    return y[j] * i
        return 100.0

    return find() + np.sum(y) * find()


def program_176(x):
    y = x.copy()
    total = 0.0
    for i in range(5):
        try:
            if y[i] < 0:
                raise ZeroDivisionError("neg")
            total += np.sqrt(y[i])
        except ZeroDivisionError as e:
            y[i] *= -1
            total -= y[i]
            continue
        else:
            total *= 1.1
        finally:
            y[0] += 0.1
    return total * y[0]


def program_177(x):
    def g(v):
        try:
            if v[0] > 0:
                return v[0] * 2
            v[1] = 5.0
        finally:
            v[0] = v[1] ** 2
        return v[0]

    y = x.copy()
    a = g(y)
    b = g(y[2:])
    return a * b + np.sum(y)


def program_178(A):
    B = A.copy()
    for (a, b), row in zip([(0, 1), (1, 2)], B):
        row[a], row[b] = row[b], row[a] * 2
    return np.sum(B * A)


def program_179(A):
    B = A.copy()
    rows = list(B)
    rows[0][1] = A[1, 1]
    rows[1] = rows[0] * 2
    rows[1][0] = 9.0
    r = [*B]
    r[1][2] *= 3
    return np.sum(B**2) + np.sum(rows[1])


def program_180(A):
    B = A.copy()
    it = iter(B)
    r = next(it)
    r *= 2
    s = next(it)
    s += r
    return np.sum(B**2)


def program_181(x):
    y = x.copy()
    m = map(lambda v: v * 2, y)
    y[0] = 5.0 * x[1]
    return sum(m)


def program_182(x):
    y = x.copy()
    z = [v for v in y]
    y[0] = 5.0 * x[1]
    z[1] = 2.0
    return sum(z) + np.sum(y)


def program_183(x):
    out = np.zeros(5)
    view = out[1:4]
    view[:] = np.convolve(x, [1.0, 2.0, 1.0], "valid")
    out[0], out[-1] = view[0], view[-1]
    view += out[:3]
    return np.sum(out**2)


def program_184(x):
    y = x.copy()
    np.exp(y, y)
    np.add(y, y[::-1], y)
    return np.sum(y**2)


def program_185(x):
    y = x.copy()
    np.add(y[:-1], y[1:], out=y[:-1])
    np.subtract(y[1:], y[:-1], out=y[1:])
    return np.sum(y**2)


def program_186(x):
    y = x.copy()
    a = y[:3]
    b = y[2:]
    a += b
    b *= a
    a -= b[::-1]
    return np.sum(y**2)


def program_187(x):
    y = x.copy()
    y[:3] += y[2:]
    y[2:] *= y[:3]
    y[1:] = y[:-1] - y[1:]
    return np.sum(y**2)


def program_188(A):
    B = A.copy()
    B[:, 0] += B[0, :2]
    B[0] -= B[:, 0].sum()
    B.T[1] = B[:, 2]
    return np.sum(B**2)


def program_189(x):
    y = x.copy()
    z = y.copy()
    y, z[0] = z, y[1] * 2
    y[1] = z[0]
    return np.sum(y**2) + np.sum(z)


def program_190(x):
    y = x.copy()
    y[int(abs(y[0]) * 5)] = x[4]
    k = int(y[1] * 2)
    y[k] *= 3
    y[-k] += y[k]
    return np.sum(y**2)


def program_191(x):
    y = x.copy()
    i = np.array([0, 1])
    j = i
    j[0] = 3
    y[i] = x[:2] ** 2
    i += 1
    y[j] *= 2
    return np.sum(y)


def program_192(x):
    n = 0
    y = np.zeros(5)
    for v in x:
        if v > 0:
            y[n] = v**2
            n += 1
    return np.sum(y[:n] * np.arange(1, n + 1)) / n


def program_193(x):
    q = [x[0], x[1]]
    s = 0.0
    while q:
        v = q.pop(0)
        s += v**2
        if v > 0.2 and len(q) < 4:
            q.append(v * 0.4)
    return s


def program_194(x):
    st = [x.copy()]
    for k in range(3):
        top = st[-1]
        top[k] *= 2
        st.append(top[::-1].copy())
    r = st.pop()
    r += st[0]
    return np.sum(r**2) + sum(np.sum(s) for s in st)


def program_195(x):
    y = x.copy()
    s = y[1:3].sum()
    y[1:3] -= s / 2
    y /= np.linalg.norm(y)
    y *= np.sum(x)
    return y[0] * y[1]


def program_196(x):
    y = x.copy()
    y[:] = 0
    y[2] = x[2]
    y = y + y[2]
    y[2:] = 1
    return np.sum(y * x)


def program_197(A):
    B = np.empty((4, 3))
    B[:2] = A
    B[2:] = B[:2][::-1] * 2
    B[1::2, ::2] = 0
    return np.sum(B**2)


def program_198(A):
    B = np.tile(A, (2, 1))
    B[0] *= 2
    C = np.repeat(A, 2, axis=0)
    C[0] = B[1]
    D = np.stack([A, A])
    D[0] += D[1]
    return np.sum(B * C) + np.sum(D**2)


def program_199(A):
    B = A.copy()
    C = np.vstack((B, B))
    B[0] = 0
    C[0] *= 3
    return np.sum(C**2) + np.sum(B)


def program_200(x):
    y = x.copy()
    z = np.insert(y, 1, y[0])
    z[0] = 4.0
    w = np.delete(y, 0)
    w *= 2
    r = np.roll(y, 1)
    r[0] = 3.0
    return np.sum(y**2) + np.sum(z * x[0]) + np.sum(w) + np.sum(r)


def program_201(x):
    y = x.copy()
    z = y[y > 0]
    z *= 2
    w = y[[0, 1]]
    w[0] = 3.0
    u = np.take(y, [0])
    u += 2
    return np.sum(y**2) + np.sum(z) + np.sum(w) + u[0]


def program_202(x):
    y = x.copy()
    f = np.flip(y)
    f[0] = x[0] ** 2
    r = np.rot90(np.atleast_2d(y), 2)
    r[0, 0] = 3 * x[1]
    return np.sum(y**2)


def program_203(x):
    y = np.zeros((5, 1))
    y[:, 0] = x
    z = y.squeeze()
    z[1] = 0
    w = y[:, 0]
    w[2] = x[0]
    q = y.T[0]
    q += 1
    return np.sum(y**2)


def program_204(x):
    y = x.copy()
    e = np.expand_dims(y, 1)
    e[0] = x[1] ** 2
    e[:, 0] += e[::-1, 0]
    return np.sum(y**2)


def program_205(x):
    y = x.copy()
    v = y
    v[0] = x[3]
    del v
    y[1] = y[0]
    return np.sum(y**2)


def program_206(n, a):
    P = np.zeros((n + 1, n + 1))
    P[0, 0] = 1.0
    for i in range(1, n + 1):
        P[i, 0] = P[i - 1, 0] * (1 - a)
        for j in range(1, i + 1):
            P[i, j] = a * P[i - 1, j - 1] + (1 - a) * P[i - 1, j]
    return P[n] @ np.arange(n + 1) ** 2.0


def program_207(x):
    y = x.copy()
    lo, hi = 0, 4
    while lo < hi:
        y[lo], y[hi] = y[hi] * 2, y[lo] + y[hi]
        lo += 1
        hi -= 1
    return np.sum(y * np.arange(5.0))


def program_208(x):
    y = x.copy()
    y.clip(-0.5, 0.5, out=y)
    z = np.zeros(2)
    x[:4].reshape(2, 2).sum(axis=0, out=z)
    y.cumsum(out=y)
    return np.sum(y * x) + np.sum(z**2)


def program_209(A):
    B = A.copy()
    V = B.view()
    V[0] = A[1]
    W = V.view()[1]
    W *= V[0]
    return np.sum(B**2)


def program_210(x):
    y = x.copy()
    np.power.at(y, [0, 1, 1], 2)
    np.square.at(y, [3, 3])
    np.divide.at(y, ([0, 1],), x[1:3])
    return np.sum(y**2)


def program_211(A):
    B = A.copy()
    np.multiply.at(B, [0, 1, 0], A[:, 0][[0, 1, 1]][:, None])
    np.add.at(B, (slice(None), [0, 0]), A[:, :2])
    return np.sum(B**2)


def program_212(x):
    y = np.arange(5.0)
    y *= x
    z = np.linspace(0, 1, 5)
    z[1:] += x[1:] ** 2
    w = np.eye(5)
    w[0] = x
    w[:, 1] *= 2
    return np.sum(y * z) + np.sum(w @ w)


def program_213(x):
    y = np.exp(np.arange(5.0))
    y[0] = x[0] ** 2
    y[1] *= x[1]
    z = np.array([1.0, 2.0, 3.0])
    z[1] = x[2] ** 2
    return np.sum(y) * np.sum(z)


def program_214(A):
    a, *r = A.copy()
    r[0][1] = a[0]
    a *= r[0]
    first, *mid, last = a
    mid[0] = 5.0
    return np.sum(a) + np.sum(r[0]) + mid[0] * last + first


def program_215(A):
    B = A.copy()
    a, *r = B
    r[0][1] = a[0] * 2
    r[0] *= a
    return np.sum(B**2)


def program_216(x):
    for k, (a, *r) in enumerate([(x[0], x[1], x[2]), (x[3], x[4], x[0])]):
        r[0] = r[0] * a
        s = sum(r) if k == 0 else s * sum(r)
    return s


def program_217(z):
    w = z.copy()
    r = w.real
    i = w.imag
    r[:] = i * 2
    i[1] = r[0]
    w[2] = 3.0
    return np.sum(r * i) + r[2]


def program_218(z):
    w = z.copy()
    w.real += w.imag
    w.imag *= 2
    w.real[w.imag > 0] = 1.0
    w.imag[[0, 1]] -= w.real[:2] ** 2
    return np.sum(np.abs(w) ** 2)


def wr13(v):
    v *= 2
    v[0] = v[1]


def program_219(z):
    w = z.copy()
    wr13(w.real)
    wr13(w[1:].imag)
    wr13(w[::-1].real)
    return np.sum(np.abs(w) ** 2)


def program_220(z):
    w = z.copy()
    for k in range(3):
        if k % 2:
            w.real[k] = w.imag[k - 1] ** 2
        else:
            w.imag[k] += w.real[k] * 2
    return np.sum(np.abs(w) ** 2)


def program_221(S):
    B = S.copy()
    d = np.diag(B)
    e = B.diagonal(1)
    B[0] = S[1]
    t = np.trace(B)
    B.T[2] *= 2
    return np.sum(d) * np.sum(e) + t * d[0] + np.sum(d * S[0])


def program_222(S):
    B = S.copy()
    d = np.diag(B)

    def f():
        return np.sum(d**2)

    a = f()
    B *= 2
    b = f()
    B[0, 0] = 0.0
    return a + b * f()


def program_223(S):
    B = S.copy()
    d = np.diag(B)
    while d[0] < 20:
        B += S
        B[0, 0] *= 1.5
    return np.sum(d)


def program_224(S):
    B = S.copy()
    d = np.diag(B)
    for k in range(3):
        if d[k] > 1.6:
            B[k, k] = S[0, k]
        for v in d:
            B[0, 1] += v**2
    return np.sum(B)


def program_225(x):
    y = x.copy()
    b = np.broadcast_to(y[:2], (2, 2))
    c = b.T
    y[0] = x[3]
    d = c[0]
    y[1] *= 3
    return np.sum(b * c) + np.sum(d) + np.sum(b.ravel() * x[:4])


def program_226(x):
    y = x.copy()
    r = y.reshape(-1, 1) + 0
    b = np.broadcast_to(y[:, None], (5, 2))
    y *= x
    return np.sum(b[:, 0] * r[:, 0]) + b.shape[1] * len(b) + b.sum()


def program_227(x):
    y = x.copy()
    l = [y, y]
    l[0] += 1
    l[1] *= 2
    l[0], l[1] = l[1] * 1.0, l[0]
    l[1][0] = 0.0
    return np.sum(y**2) + np.sum(l[0])


def program_228(x):
    a = b = x.copy()
    a = a + 1
    b += 1
    a -= b
    c = b
    c = c * a
    c += b
    return np.sum(c * b)


def program_229(x):
    y = x.copy()
    operator.setitem(y, 0, x[1] * 2)
    y = operator.iadd(y, x)
    operator.imul(y, 2.0)
    return np.sum(y**2)


def program_230(x):
    y = x.copy()
    np.negative(y, out=y[...])
    y[:, None][:, 0] += 1
    return np.sum(y**2)


def program_231(x):
    y = np.stack([x, x * 2])
    np.swapaxes(y, 0, 1)[1, 0] = 3 * x[0]
    y.transpose()[2] *= 2
    y.reshape(5, 2)[0] = y[1, :2]
    return np.sum(y**2)


def program_232(x):
    y = x.copy()
    out = np.zeros(2)
    np.minimum(y[:2], y[2:4], out)
    out[0] += y[0]
    y[:2] = out
    m, n = np.divmod(y, 0.5)
    m[0] = 3
    return np.sum(y * n) + out[1] * np.sum(m)


def sweep(k, d, c, e):
    c[0] = -k / (1 + 2 * k)
    e[0] = d[0] / (1 + 2 * k)
    for i in range(1, len(d)):
        m = 1 + 2 * k + k * c[i - 1]
        c[i] = -k / m
        e[i] = (d[i] + k * e[i - 1]) / m


def back(c, e, u):
    u[-1] = e[-1]
    for i in reversed(range(len(u) - 1)):
        u[i] = e[i] - c[i] * u[i + 1]
    return u


def program_234(x, a, n):
    u, c, e = x.copy(), np.zeros(5), np.empty_like(x)
    for t in range(n):
        sweep(a, u, c, e)
        back(c, e, u)
    return np.sum(u**2) + c[-2]


def program_235(S, a, n):
    c, e, w = np.zeros(3), np.zeros(3), np.zeros(3)
    u = S.copy()
    for t in range(n):
        for j in range(3):
            sweep(a, u[:, j] + 0.1 * np.sin(u[:, j]), c, e)
            u[:, j] = back(c, e, w)
    return np.sum(u**4)


def program_233(x):
    fr, ex = np.modf(x * 3)[0], 2.0
    y = x.copy()
    a = np.empty(5)
    b = np.empty(5)
    fr[0] = 0
    return np.sum(fr * y) * ex
