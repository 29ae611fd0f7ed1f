"""Sums of normalisers: the normalised message is added where the normaliser is a number, the sum over all of it."""

import numpy as np
import pytest
from transforms.passes import program, result

from srcdiff.ir.syntax.printer import to_text
from srcdiff.ir.verify import verify
from srcdiff.transforms.semiring.normalise.normaliser_sums import with_last_norms

LOOP = """
    def f(%x: {message}, %n: int64{{n}}, %z: {norm}) -> 0 {{
      %m: {message}, %t: {norm} = for 0, %n, 1 with %x, %z {{
        (%i: int64{{i}}, %m.1: {message}, %t.1: {norm}) ->
        %s: {message} = {step}
        %l: {norm} = logsumexp{axis} %s
        %m.2: {message} = subtract {kept}, %l
        %t.2: {norm} = add %t.1, %l
        yield %m.2, %t.2
      }}
      yield %t
    }}"""


@pytest.mark.parametrize("kept", ["%s", "%m.1"])
@pytest.mark.parametrize("axes", [1, 2])
def test_only_the_sum_over_a_whole_message_is_its_normaliser(axes, kept):
    message, norm = ("float64[a]", "float64!") if axes == 1 else ("float64[b, a]", "float64[a]")
    fn = program(
        LOOP.format(
            message=message,
            norm=norm,
            kept=kept,
            step="sin %m.1",
            axis="[axis=0]" if axes == 2 else "",
        )
    )
    new = with_last_norms(fn)
    assert verify(new) == []
    is_whole = axes == 1 and kept == "%s"
    assert (to_text(new).count("logsumexp") == 2) == is_whole
    x = np.random.default_rng(0).normal(size=(3, 2)[-axes:])
    for n in (0, 1, 4):
        args = x, n, np.float64(0.0) if axes == 1 else np.zeros(2)
        np.testing.assert_allclose(result(new, args), result(fn, args), rtol=1e-12, atol=1e-14)
