"""Dead argument elimination: generated functions lose parameters and results that are not used."""

from srcdiff.transforms.simplify.calls.dead_arguments import remove_dead_arguments
from tests.transforms.passes import check, unchanged

CALLER = """
    def f(%x: float64, %y: float64) -> 0 {{
      %a: float64, %b: float64 = call g %x, %y{origin}
      yield %a
    }}
    def g(%u: float64, %v: float64) -> tuple(0: 0, 1: 1) {{
      %s: float64! = sin %u
      %t: float64! = exp %v
      yield %s, %t
    }}
"""


def test_results_that_nobody_uses_go_with_what_only_they_need():
    check(
        remove_dead_arguments,
        CALLER.format(origin=" ;adjoint")
        .replace("%a: float64,", "%a: float64!,")
        .replace("%b: float64 ", "%b: float64! "),
        """
        def f(%x: float64, %y: float64) -> 0 {
          %a: float64! = call g %x ;adjoint
          yield %a
        }
        def g(%u: float64) -> 0 {
          %s: float64! = sin %u
          yield %s
        }
        """,
        1.5,
        2.5,
    )


def test_the_users_functions_keep_their_signature():
    text = (
        CALLER.format(origin="")
        .replace("%a: float64,", "%a: float64!,")
        .replace("%b: float64 ", "%b: float64! ")
    )
    unchanged(remove_dead_arguments, text, 1.5, 2.5)
