"""The program of a derivative whose function is dynamic: the function's own text, rewritten, and what calls it."""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import symtable
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any

import gast

from srcdiff.codegen.text.printer import to_text
from srcdiff.compile.batch import items_of
from srcdiff.compile.program import Derived, Program, Stored
from srcdiff.compile.signature import Arguments
from srcdiff.eager.nested_gradients import is_gradient
from srcdiff.eager.op_derivatives import is_expression, is_single_call
from srcdiff.eager.rewrite.line_map import Origin
from srcdiff.eager.rewrite.rewrite_statements import (
    Rewriter,
    bound_names,
    dynamic_function,
    rewriter_of,
    unlike,
)
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.external_dependencies import watched
from srcdiff.frontend.source.function_source import found_now, function_of, look_up, plain_tree
from srcdiff.ir.types import Dynamic, Scalar, Type, is_complex, is_float

__all__ = ["KINDS", "dynamic_program"]

_DOCS = {
    "grad": "Gradient of `{f}` with respect to {wrt}.",
    "value_and_grad": "Value and gradient of `{f}` with respect to {wrt}.",
    "elementwise_grad": "Elementwise gradient of `{f}` with respect to {wrt}.",
    "vjp": "Value of `{f}`, and its derivative with respect to {wrt} weighted by `d_value`.",
    "jvp": "Value of `{f}` and its derivative along {further}.",
    "jvp_of_grad": "Gradient of `{f}` with respect to {wrt} and its derivative along {further}.",
    "vjp_of_grad": "Gradient of `{f}` with respect to {wrt}, and its derivative weighted by {further}.",
    "grad_of_grad": "Second derivative of `{f}` with respect to {wrt}.",
    "value_and_grad_of_grad": "First and second derivative of `{f}` with respect to {wrt}.",
    "hvp": "Hessian of `{f}` with respect to {wrt}, times {further}.",
    "jacobian": "Jacobian of `{f}` with respect to {wrt}.",
    "hessian": "Hessian of `{f}` with respect to {wrt}.",
}
_MATRICES = ("jacobian", "hessian")
# derivatives of gradients, as what they are of the function
_SECOND = {k: f"{k}_of_grad" for k in ("jvp", "vjp", "grad", "value_and_grad")} | {
    "jacobian": "hessian"
}
KINDS = (frozenset(_DOCS) - set(_SECOND.values())) | {"hessian", "batch"}


def dynamic_program(derived: Derived, arguments: Arguments, reason: UnsupportedError) -> Program:
    """The program of a derivative that srcdiff has no types for; `reason` says why."""
    if derived.kind == "batch":
        return _of_items(derived, arguments, reason)
    inner = getattr(derived.base, "derived", None)
    if inner is not None:
        derived = _of_gradient(derived, inner, arguments, reason)
    for k in derived.wrt:
        _check(arguments.types[k], arguments.names[k], reason)
    base = function_of(derived.base)
    if is_single_call(base):  # this is a part of a dynamic program, and has no parts
        raise UnsupportedError(reason.message, reason.advice, reason.location, reason.chain)
    name = getattr(base, "__name__", type(base).__name__)
    name = "f" if name == "<lambda>" else name
    own = _Text(derived, arguments, base, name)
    bindings = own.bindings()
    watch = [
        watched(functools.partial(found_now, functools.partial(look_up, base), k), v)
        for k, v in bindings.items()
        if isinstance(base, FunctionType) and k != own.called
    ]
    made = _program(derived, own.text(), bindings, tuple(watch), reason)
    return made if own.node is None else replace(made, origin=Origin(own.node, base))


def _program(
    derived: Derived,
    text: str,
    bindings: dict[str, Any],
    watch: tuple[Any, ...],
    reason: UnsupportedError,
) -> Program:
    return Program(
        name=derived.name,
        kind=derived.kind.partition("_of_")[0],
        base=derived.name.removesuffix(f"_{derived.kind}"),
        source=text,
        bindings=bindings,
        watched=watch,
        outside=True,
        location=reason.location,
        dynamic=(reason.message, reason.advice),
        stored=Stored(reason="it is dynamic"),
    )


def _of_gradient(
    derived: Derived, inner: Derived, arguments: Arguments, reason: UnsupportedError
) -> Derived:
    """The derivative of a gradient as one of its function: the Hessian is symmetric, so that both modes are products
    with it.
    """
    kind = derived.kind
    is_same = (
        inner.as_tuple == derived.as_tuple or kind == "jvp"
    )  # whose tangents are a tuple always
    is_known = inner.kind == "grad" and inner.wrt == derived.wrt and is_same
    if kind in ("grad", "value_and_grad"):
        is_known &= not inner.as_tuple and isinstance(arguments.types[derived.wrt[0]], Scalar)
    is_plain = not inner.options.has_aux and not hasattr(inner.base, "derived")
    if (
        is_gradient(derived.base)
        and not is_known
        and kind in ("vjp", "jvp", "grad", "value_and_grad")
    ):
        return derived  # of a call of the gradient, which is an operation
    if not is_plain or not is_known or kind not in _SECOND:
        raise UnsupportedError(
            f"the {kind} of `{derived.base.__name__}`, which is dynamic: {reason.message}",
            "Take hvp, hessian or jvp of a gradient by the same arguments, or give the function types: "
            f"{reason.advice[:1].lower()}{reason.advice[1:]}",
            reason.location,
            reason.chain,
        )
    return replace(derived, kind=_SECOND[kind], base=inner.base, as_tuple=inner.as_tuple)


def _of_items(derived: Derived, arguments: Arguments, reason: UnsupportedError) -> Program:
    """The function for each of many items, one after the other."""
    settings = dict(derived.settings)
    out = settings["out_axes"]
    if not isinstance(out, int):
        raise UnsupportedError(
            f"out_axes for each part of the result of a dynamic program: {reason.message}",
            "Give one number for all parts, and move axes of the results with np.moveaxis.",
            reason.location,
        )
    _, along = items_of(arguments, settings["in_axes"])
    name = getattr(derived.base, "__name__", "f")
    name = unlike("f" if name == "<lambda>" else name, set(arguments.names))
    listed = ", ".join(arguments.names)
    given = f"({listed},)" if len(arguments.names) == 1 else f"({listed})"
    lines = [
        "from srcdiff.dynamic import over_items",
        "",
        "",
        f"def {derived.name}({listed}):",
        f'    """`{name}` for each of many items."""',
        f"    return over_items({name}, {given}, axes={along!r}, out_axis={out})",
    ]
    return _program(derived, "\n".join(lines) + "\n", {name: derived.base}, (), reason)


def _check(type_: Type, name: str, reason: UnsupportedError) -> None:
    if is_complex(type_):
        raise UnsupportedError(
            f"{reason.message}, and such a program is not differentiated by complex numbers: {name!r}",
            reason.advice,
            reason.location,
        )
    if isinstance(type_, Dynamic) or is_float(type_):
        return
    raise UnsupportedError(
        f"cannot differentiate with respect to {name!r}, which holds no floats",
        f"Pass {name}.astype(float), or leave it out of argnums.",
        reason.location,
    )


class _Text:
    """The parts of the text of a program."""

    def __init__(self, derived: Derived, arguments: Arguments, base: Any, name: str) -> None:
        self.derived, self.arguments, self.base, self.name = derived, arguments, base, name
        self.imports: dict[str, str] = {"tape": "from srcdiff.dynamic import Tape"}
        self.node: Any = None
        self.rewriter: Rewriter | None = None
        tree = plain_tree(base) if isinstance(base, FunctionType) else None
        self.own_name = name
        if tree is not None and any(
            isinstance(n, ast.Name) and n.id == name for n in ast.walk(tree)
        ):
            self.own_name = f"{name}_dynamic"  # the name itself is that of the function as it was
        if tree is not None and not any(
            isinstance(n, ast.Global) or (isinstance(n, ast.Nonlocal) and _is_of(tree, n))
            for n in ast.walk(tree)
        ):
            self.rewriter = rewriter_of(base, tree, apart=is_expression(base))
            self.node = self.rewritten(tree, self.rewriter)
        taken = {name, *arguments.names}
        self.keyword_only = [a.arg for a in tree.args.kwonlyargs] if tree is not None else []
        self.called = self.own_name if self.node is not None else name
        self.tape = self.rewriter.tape if self.rewriter is not None else unlike("tape", taken)

    def rewritten(self, tree: Any, rewriter: Rewriter) -> Any:
        """The function, with a tape as its first parameter."""
        return dynamic_function(tree, rewriter, self.own_name)

    def outside(self) -> dict[str, Any]:
        """What the function's text refers to outside."""
        if self.node is None or self.rewriter is None:
            return {}
        found = {n: look_up(self.base, n) for n in _names_from_outside(_printed(self.node))}
        known = {n: f[1] for n, f in found.items() if f is not None}
        return {k: v for k, v in known.items() if getattr(builtins, k, None) is not v}

    def bindings(self) -> dict[str, Any]:
        """What has to be in the namespace of the program."""
        if self.node is None:
            return {self.called: self.base}
        return {k: v for k, v in self.outside().items() if not isinstance(v, ModuleType)}

    def text(self) -> str:
        modules = {k: v.__name__ for k, v in self.outside().items() if isinstance(v, ModuleType)}
        kind = self.derived.kind
        tape = {
            "jvp": "Tangents",
            "hvp": "Curvature",
            "hessian": "Curvature",
        }.get(kind, "Curvature" if kind.endswith("_of_grad") else "Tape")
        used = f"{tape}, {kind}_of" if kind in _MATRICES else tape
        lines = sorted(_import(k, m) for k, m in modules.items())
        parts = [*lines, *([""] if lines else []), f"from srcdiff.dynamic import {used}", ""]
        if self.node is not None:
            parts += ["", _printed(self.node), ""]
        return "\n".join([*parts, "", ""]) + self.entry(tape)

    def entry(self, tape: str) -> str:
        """The function that is called."""
        d, t, names = self.derived, self.tape, self.arguments.names
        wrt = [names[k] for k in d.wrt]
        v = ["v"] if not d.as_tuple else [f"v_{n}" for n in wrt]
        dots = [f"{n}_dot" for n in wrt]
        weight = ["d_value"]
        given = {"vjp": weight, "vjp_of_grad": weight, "jvp": dots, "jvp_of_grad": dots, "hvp": v}
        further = given.get(d.kind, [])
        further = [unlike(n, set(names)) for n in further]
        doc = _DOCS[d.kind].format(f=self.name, wrt=_listed(wrt), further=_listed(further))
        listed = ", ".join(names)
        places = ", ".join(map(str, d.wrt)) + ("," if len(d.wrt) == 1 else "")
        names_of = f"({listed},)" if len(names) == 1 else listed
        passed = ", ".join(f"{n}={n}" if n in self.keyword_only else n for n in names)
        call = f"{t}.call({self.called}, {passed})"
        if self.node is not None:
            call = f"{self.called}({t}, {passed})"
        own = f'"{self.name}"'
        if d.kind == "hessian":
            return self.of_products(
                doc, f"{names_of} = {t}.arguments({listed}, wrt=({places}))", call
            )
        lines = [
            f"def {d.name}({', '.join((*names, *further))}):",
            f'    """{doc}"""',
            f"    {t} = {tape}()",
            f"    {names_of} = {t}.arguments({listed}, wrt=({places}))",
        ]
        if d.kind in ("jvp", "hvp") or d.kind.endswith("_of_grad"):
            star = "*" if d.kind == "vjp_of_grad" and d.as_tuple else ""
            lines.append(f"    {t}.along({star}{', '.join(further) or '1.0'})")
        value = unlike("value", {*names, self.called})
        aux = unlike("aux", {*names, self.called}) if d.options.has_aux else ""
        lines.append(f"    {value}{', ' + aux if aux else ''} = {call}")
        lines += [f"    {line}" for line in self.ending(value, aux, wrt, further, own)]
        return "\n".join(lines) + "\n"

    def of_products(self, doc: str, copies: str, call: str) -> str:
        """The function that is called for a Hessian: one product with it for each element of the arguments."""
        d, t, names = self.derived, self.tape, self.arguments.names
        taken = {*names, self.called}
        product, v, aux = unlike("product", taken), unlike("v", taken), unlike("_", taken)
        own = ", ".join(f"{n}={n}" for n in names)
        given = "".join(f"{names[k]}, " for k in d.wrt).strip()
        given = given.rstrip(",") if len(d.wrt) > 1 else given
        value = unlike("value", taken)
        lines = [
            f"def {d.name}({', '.join(names)}):",
            f'    """{doc}"""',
            "",
            f"    def {product}(*{v}, {own}):",
            f"        {t} = Curvature()",
            f"        {copies}",
            f"        {t}.along(*{v})",
            f"        {value}{f', {aux}' if d.options.has_aux else ''} = {call}",
            f"        {t}.gradient({value}, name={self.name!r})".replace("'", '"'),
            f"        return {t}.curvature()",
            "",
            f"    return hessian_of({product}, ({given}), is_alone={not d.as_tuple})",
        ]
        return "\n".join(lines) + "\n"

    def ending(
        self, value: str, aux: str, wrt: list[str], further: list[str], own: str
    ) -> list[str]:
        d, t = self.derived, self.tape
        result = f"{t}.result({value})"
        if aux:
            result = f"({result}, {t}.result({aux}))" if d.kind != "grad" else result
        if d.kind == "jacobian":
            return [f"return jacobian_of({t}, {value}, is_alone={not d.as_tuple})"]
        if d.kind == "jvp":
            return [f"return {result}, {t}.tangent({value})"]
        weights = {"vjp": [*further, ""][0], "elementwise_grad": f"{t}.ones({value})"}
        weight = f", {weights[d.kind]}" if d.kind in weights else ""
        mode = d.options.on_independent
        told = "" if mode == "warn" else f", on_independent={mode!r}"
        gradient = f"{t}.gradient({value}{weight}, name={own}{told})"
        if d.kind == "hvp":
            return [gradient, f"return {t}.curvature()" + ("" if d.as_tuple else "[0]")]
        if d.kind == "grad_of_grad":
            return [gradient, f"return {t}.curvature()[0]"]
        if d.kind.endswith("_of_grad"):
            part = "" if d.as_tuple else "[0]"
            return [f"gradient = {gradient}{part}", f"return gradient, {t}.curvature(){part}"]
        if not d.as_tuple:
            gradient += "[0]"
        if d.kind in ("grad", "elementwise_grad"):
            return [f"return {gradient}, {t}.result({aux})" if aux else f"return {gradient}"]
        return [f"return {result}, {gradient}"]


def _is_of(tree: Any, node: Any) -> bool:
    """Whether a `nonlocal` names what is bound outside of the function."""
    return any(name not in bound_names(tree.body) for name in node.names)


def _import(name: str, module: str) -> str:
    if name == module:
        return f"import {module}"
    package, _, last = module.rpartition(".")
    return (
        f"from {package} import {last}"
        if package and last == name
        else f"import {module} as {name}"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def _names_from_outside(text: str) -> list[str]:
    """The names that a function's text does not bind where it uses them, in some order that is always the same."""
    found: dict[str, None] = {}
    tables = [symtable.symtable(text, "<function>", "exec")]
    while tables:
        table = tables.pop()
        names = (s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced())
        found.update(dict.fromkeys(names))
        tables += table.get_children()
    return sorted(found)


def _printed(node: Any) -> str:
    """The text of a function; as Python prints it, where ours cannot."""
    node = ast.fix_missing_locations(copy.deepcopy(node))
    try:
        return to_text(gast.ast_to_gast(ast.Module([node], []))).strip("\n")
    except (TypeError, AttributeError):
        return ast.unparse(node)
