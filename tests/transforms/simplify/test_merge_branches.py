"""Branch merging: two branches on one condition become one."""

from srcdiff.transforms.simplify.merge_branches import merge_ifs
from tests.transforms.passes import check, unchanged

TWO = """
    def f(%x: float64, %c: bool) -> 0 {{
      %a: float64 = if %c {{
        yield %x
      }} else {{
        yield 1.0
      }}
      %s: float64 = multiply {what}, 2.0 ;adjoint
      %b: float64 = if %c ;adjoint {{
        %t: float64 = add %a, %s ;adjoint
        yield %t
      }} else {{
        yield %a
      }}
      yield %b
    }}
"""


def test_two_branches_become_one():
    check(
        merge_ifs,
        TWO.format(what="%x"),
        """
        def f(%x: float64, %c: bool) -> 0 {
          %s: float64 = multiply %x, 2.0 ;adjoint
          %a: float64, %b: float64 = if %c {
            %t: float64 = add %x, %s ;adjoint
            yield %x, %t
          } else {
            yield 1.0, 1.0
          }
          yield %b
        }
        """,
        1.5,
        True,
    )


def test_a_statement_between_two_dependent_loops_prevents_fusion():
    unchanged(merge_ifs, TWO.format(what="%a"), 1.5, False)
