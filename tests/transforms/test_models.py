"""Zeros like arrays that nothing else asks for."""

from transforms.passes import check, unchanged

from srcdiff.transforms.models import other_models

TEXT = """
    def f(%x: float64[n]) -> 0 {{
      %y: float64[n] = {maker}
      %d: float64[n] = {zeros} ;adjoint
      store[where='i'] %d, 1.0, 0 ;adjoint
      %r: float64[n] = read %d ;adjoint
      {more}
      yield %r
    }}
"""


def text(maker, model, more=""):
    return TEXT.format(maker=maker, zeros=f"zeros_like {model}", more=more)


def test_what_is_there_for_its_shape_only_is_not_asked():
    check(other_models, text("sin %x ;adjoint", "%y"), text("sin %x ;adjoint", "%x"))


def test_what_is_there_anyway_is_asked():
    unchanged(other_models, text("sin %x ;adjoint", "%y", "add_into[where=''] %d, %y ;adjoint"))


def test_what_is_made_otherwise_is_asked():
    unchanged(other_models, text("cumsum %x ;adjoint", "%y"))
