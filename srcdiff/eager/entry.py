"""Entry functions of dynamic programs: they make a tape, run the rewritten function, and return a derivative.

    def f_grad(x):
        tape = Tape()
        (x,) = tape.arguments(x, wrt=(0,))
        value = f(tape, x)
        return tape.gradient(value, name="f")[0]

This module writes the text of such functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from srcdiff.compile.derivations.kinds import (
    Derivation,
    ElementwiseGrad,
    Grad,
    Hessian,
    Hvp,
    Jacobian,
    Jvp,
    ValueAndGrad,
    Vjp,
)
from srcdiff.compile.program import Derived
from srcdiff.eager.rewrite.rewrite_expressions import unused_name


@dataclass(frozen=True)
class Entry:
    """The names that the text uses."""

    derived: Derived
    names: tuple[str, ...]  # of the parameters
    further: tuple[str, ...]  # of the further parameters
    function: str  # as the user calls it
    called: str  # as the text calls it
    tape: str
    call: str  # of the rewritten function
    value: str
    aux: str  # empty where the function returns a value alone

    @property
    def wrt(self) -> list[str]:
        return [self.names[k] for k in self.derived.wrt]

    @property
    def part(self) -> str:
        """The subscript that takes the derivative of a single argument from the tuple."""
        return "" if self.derived.as_tuple else "[0]"

    @property
    def results(self) -> str:
        """Value, or value and auxiliary results."""
        value = f"{self.tape}.result({self.value})"
        return f"({value}, {self.tape}.result({self.aux}))" if self.aux else value

    @property
    def copies(self) -> str:
        listed, places = ", ".join(self.names), ", ".join(map(str, self.derived.wrt))
        targets = f"({listed},)" if len(self.names) == 1 else listed
        if len(self.derived.wrt) == 1:
            places += ","
        return f"{targets} = {self.tape}.arguments({listed}, wrt=({places}))"

    @property
    def run(self) -> str:
        return f"{self.value}{', ' + self.aux if self.aux else ''} = {self.call}"

    def gradient(self, weight: str = "") -> str:
        weighted = f", {weight}" if weight else ""
        mode = self.derived.options.on_independent
        independent = "" if mode == "warn" else f", on_independent={mode!r}"
        return f'{self.tape}.gradient({self.value}{weighted}, name="{self.function}"{independent})'


@dataclass(frozen=True)
class Form:
    """The lines that compute one derivation from a tape.

    Attributes
    ----------
    ending : callable
        The lines after the call of the function.
    tape : str
        The class of the tape.
    doc : str
        The docstring, where it differs from that of the derivation.
    is_along : bool
        The arguments move along tangents.
    helper : str
        A function of `srcdiff.dynamic` that the lines call.
    """

    ending: Callable[[Entry], list[str]]
    tape: str = "Tape"
    doc: str = ""
    is_along: bool = False
    helper: str = ""


def _gradient(e: Entry) -> list[str]:
    return [_with_aux(e, e.gradient() + e.part)]


def _elementwise(e: Entry) -> list[str]:
    return [_with_aux(e, e.gradient(f"{e.tape}.ones({e.value})") + e.part)]


def _with_aux(e: Entry, gradient: str) -> str:
    return f"return {gradient}, {e.tape}.result({e.aux})" if e.aux else f"return {gradient}"


def _value_and_gradient(e: Entry) -> list[str]:
    return [f"return {e.results}, {e.gradient()}{e.part}"]


def _weighted(e: Entry) -> list[str]:
    return [f"return {e.results}, {e.gradient(e.further[0])}{e.part}"]


def _tangent(e: Entry) -> list[str]:
    return [f"return {e.results}, {e.tape}.tangent({e.value})"]


def _jacobian(e: Entry) -> list[str]:
    return [f"return jacobian_of({e.tape}, {e.value}, is_alone={not e.derived.as_tuple})"]


def _product(e: Entry) -> list[str]:
    return [e.gradient(), f"return {e.tape}.curvature(){e.part}"]


def _second_derivative(e: Entry) -> list[str]:
    return [e.gradient(), f"return {e.tape}.curvature()[0]"]


def _gradient_and_product(e: Entry) -> list[str]:
    lines = f"gradient = {e.gradient()}{e.part}"
    return [lines, f"return gradient, {e.tape}.curvature(){e.part}"]


def _hessian(e: Entry) -> list[str]:
    """One product with the Hessian for each element of the arguments."""
    taken = {*e.names, e.called}
    product, v = unused_name("product", taken), unused_name("v", taken)
    own = ", ".join(f"{n}={n}" for n in e.names)
    given = f"{e.wrt[0]}," if len(e.wrt) == 1 else ", ".join(e.wrt)
    return [
        "",
        f"def {product}(*{v}, {own}):",
        f"    {e.tape} = Curvature()",
        f"    {e.copies}",
        f"    {e.tape}.along(*{v})",
        f"    {e.run}",
        f'    {e.tape}.gradient({e.value}, name="{e.function}")',
        f"    return {e.tape}.curvature()",
        "",
        f"return hessian_of({product}, ({given}), is_alone={not e.derived.as_tuple})",
    ]


_HESSIAN = Form(_hessian, "Curvature", helper="hessian_of")
FORMS: dict[type[Derivation], Form] = {
    Grad: Form(_gradient),
    ValueAndGrad: Form(_value_and_gradient),
    ElementwiseGrad: Form(_elementwise),
    Vjp: Form(_weighted),
    Jvp: Form(_tangent, "Tangents", is_along=True),
    Hvp: Form(_product, "Curvature", is_along=True),
    Jacobian: Form(_jacobian, helper="jacobian_of"),
    Hessian: _HESSIAN,
}
# of the gradient of a function, as derivatives of the function
OF_GRADIENT: dict[type[Derivation], Form] = {
    Grad: Form(
        _second_derivative,
        "Curvature",
        "Second derivative of `{f}` with respect to {wrt}.",
        is_along=True,
    ),
    ValueAndGrad: Form(
        _gradient_and_product,
        "Curvature",
        "First and second derivative of `{f}` with respect to {wrt}.",
        is_along=True,
    ),
    Vjp: Form(
        _gradient_and_product,
        "Curvature",
        "Gradient of `{f}` with respect to {wrt}, and its derivative weighted by {further}.",
        is_along=True,
    ),
    Jvp: Form(
        _gradient_and_product,
        "Curvature",
        "Gradient of `{f}` with respect to {wrt} and its derivative along {further}.",
        is_along=True,
    ),
    Jacobian: replace(_HESSIAN, doc=Hessian.doc),
}


def entry_text(e: Entry, form: Form) -> str:
    """The function that is called."""
    d = e.derived
    doc = form.doc or d.derivation.doc
    doc = doc.format(f=e.function, wrt=_listed(e.wrt), further=_listed(e.further))
    lines = [f'"""{doc}"""']
    if form.ending is not _hessian:  # a Hessian runs the function for each element
        lines += [f"{e.tape} = {form.tape}()", e.copies]
        if form.is_along:
            is_spread = isinstance(d.derivation, Vjp) and d.as_tuple
            lines.append(
                f"{e.tape}.along({'*' if is_spread else ''}{', '.join(e.further) or '1.0'})"
            )
        lines.append(e.run)
    lines += form.ending(e)
    head = f"def {d.name}({', '.join((*e.names, *e.further))}):"
    return "\n".join([head, *(f"    {line}" if line else "" for line in lines)]) + "\n"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)
