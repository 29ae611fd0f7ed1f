"""SciPy's C functions in compiled code: by name, so that machine code and saved files work in another process."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from scipy import special

from srcdiff.ops.core.registry import OPERATIONS
from srcdiff.runtime import scipy_special

BOUND = {d.c_function: d for d in OPERATIONS.values() if d.c_function}


@pytest.mark.parametrize("name", BOUND)
def test_a_bound_function_gives_what_the_ufunc_gives(name):
    function, ufunc = getattr(scipy_special, name), getattr(special, name)
    columns = np.broadcast_arrays(*BOUND[name].samples[0].args(np.random.default_rng(1)))
    for row in zip(*(c.ravel().tolist() for c in columns), strict=True):
        assert function(*row) == ufunc(*row)


@pytest.mark.parametrize("name", ["i0", "iv", "betainc", "hyp2f1"])
def test_of_float32_it_gives_float32(name):
    values = BOUND[name].samples[0].args(np.random.default_rng(1))
    row = [np.float32(np.ravel(v)[0]) for v in values]
    assert getattr(scipy_special, name)(*row) == np.float32(
        getattr(special, name)(*map(float, row))
    )
    compiled = getattr(scipy_special, name).nopython_signatures
    types = next(t for t in compiled if {*map(str, t.args)} == {"float32"})
    assert str(types.return_type) == "float32"


def test_a_function_that_scipy_lacks_is_none():
    assert scipy_special.c_function("no_such_function", 1) is None


@pytest.mark.long
def test_compiled_code_is_found_again_and_saved_loops_need_scipy_only(tmp_path):
    (tmp_path / "model.py").write_text(
        textwrap.dedent("""
        import numpy as np
        from scipy.special import betaln, gammainc, i0
        def f(x):
            total = 0.0
            for i in range(len(x)):
                total += betaln(x[i], 2.0) * i0(x[i])
            return total + np.sum(gammainc(1.5, x))
    """)
    )
    program = """
        import numpy as np, srcdiff, model
        g = srcdiff.grad(model.f, jit=True)
        print(g(np.arange(1.0, 4.0)).tolist())
        cache = srcdiff.explain(g, np.arange(1.0, 4.0)).cache
        print([how[:4] for what, how in cache.items() if what.startswith("machine")])
        g.save("saved.py", np.ones(3), form="loops")
    """
    alone = """
        import sys
        sys.modules["srcdiff"] = None
        import numpy as np, saved
        print(saved.f_grad(np.arange(1.0, 4.0)).tolist())
    """
    env = {**os.environ, "SRCDIFF_CACHE": str(tmp_path / "cache")}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(text)],
            cwd=tmp_path, env=env, check=True, capture_output=True, text=True, timeout=120,
        ).stdout.strip()
        for text in (program, program, alone)
    ]  # fmt: skip
    values = outputs[2]
    assert outputs == [f"{values}\n['kept']", f"{values}\n['foun']", values]
