"""Numbers that weights are multiplied by, which the derivative of a sum would take for features, are refused."""

import pytest
from transforms.passes import program

from srcdiff.errors import UnsupportedError
from srcdiff.transforms.semiring.weights import check_weights

SUM = """
    def f(%x: float64, %p: float64) -> 0 {{
      %0: float64 = exp %x
      %1: float64 = {factor} %p
      %2: float64 = multiply %1, %0
      yield %2
    }}
"""


def test_weights_are_multiplied_by_weights_alone():
    check_weights(program(SUM.format(factor="exp")))
    with pytest.raises(UnsupportedError, match="here weights are multiplied by numbers"):
        check_weights(program(SUM.format(factor="sin")))
