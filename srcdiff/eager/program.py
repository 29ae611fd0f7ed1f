"""Programs of the dynamic tier: the rewritten text of a function, and the entry function that calls it."""

from __future__ import annotations

import ast
import builtins
import functools
import symtable
from collections.abc import Mapping
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any

import gast

from srcdiff.codegen.text.printer import to_text
from srcdiff.compile.arguments.batch import items_of
from srcdiff.compile.arguments.signature import Arguments, parameters_of
from srcdiff.compile.derivations.kinds import Batch, Grad, Gradient, Hvp, Jvp, Vjp
from srcdiff.compile.program import Derived, Program, Stored
from srcdiff.eager.derivatives.nested_gradients import is_gradient
from srcdiff.eager.derivatives.op_derivatives import is_expression, is_single_call
from srcdiff.eager.entry import FORMS, OF_GRADIENT, Entry, Form, entry_text
from srcdiff.eager.rewrite.line_map import Origin
from srcdiff.eager.rewrite.rewrite_expressions import unused_name
from srcdiff.eager.rewrite.rewrite_statements import (
    Rewriter,
    bound_names,
    dynamic_function,
    rewriter_of,
)
from srcdiff.errors import UnsupportedError
from srcdiff.frontend.source.external_dependencies import found_now, look_up, watched
from srcdiff.frontend.source.function_source import plain_tree
from srcdiff.frontend.source.wrappers import function_of
from srcdiff.frontend.trace import dynamic_classes
from srcdiff.ir.structs import Pytree
from srcdiff.ir.types import Scalar, Type, is_float

# the derivations that a tape can compute
DERIVATIONS = (*FORMS, Batch)


def dynamic_program(derived: Derived, arguments: Arguments, reason: UnsupportedError) -> Program:
    """The program of a derivative without static types; `reason` is the cause."""
    if isinstance(derived.derivation, Batch):
        return _of_items(derived, derived.derivation, arguments, reason)
    inner = getattr(derived.base, "derived", None)
    forms = FORMS
    if inner is not None and _is_of_gradient(derived, inner, arguments, reason):
        forms, derived = OF_GRADIENT, replace(derived, base=inner.base, as_tuple=inner.as_tuple)
    for k in derived.wrt:
        _check(arguments.types[k], arguments.names[k], reason)
    base = function_of(derived.base)
    if is_single_call(base):  # a part of a dynamic program that cannot be split
        raise UnsupportedError(reason.message, reason.advice, reason.location, reason.chain)
    name = getattr(base, "__name__", type(base).__name__)
    name = "f" if name == "<lambda>" else name
    own = _Text(derived, forms[type(derived.derivation)], arguments, base, name)
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
    bindings: Mapping[str, object],
    watch: tuple[Any, ...],
    reason: UnsupportedError,
) -> Program:
    return Program(
        name=derived.name,
        derivation=derived.derivation,
        base=derived.name.removesuffix(f"_{derived.derivation.name}"),
        source=text,
        bindings=bindings,
        watched=watch,
        outside=True,
        location=reason.location,
        dynamic=(reason.message, reason.advice),
        stored=Stored(reason="it is dynamic"),
    )


def _is_of_gradient(
    derived: Derived, inner: Derived, arguments: Arguments, reason: UnsupportedError
) -> bool:
    """Whether the derivative of a gradient is a second derivative of its function: the Hessian is symmetric, so both
    modes are products with it. Otherwise the call of the gradient is an operation.
    """
    how = derived.derivation
    # tangents are a tuple always
    is_same = inner.as_tuple == derived.as_tuple or isinstance(how, Jvp)
    is_known = isinstance(inner.derivation, Grad) and inner.wrt == derived.wrt and is_same
    if isinstance(how, Gradient):
        is_known &= not inner.as_tuple and isinstance(arguments.types[derived.wrt[0]], Scalar)
    if is_gradient(derived.base) and not is_known and isinstance(how, Gradient | Vjp | Jvp):
        return False
    is_plain = not inner.options.has_aux and not hasattr(inner.base, "derived")
    if is_plain and is_known and type(how) in OF_GRADIENT:
        return True
    raise UnsupportedError(
        f"the {how.name} of `{derived.base.__name__}`, which is dynamic: {reason.message}",
        "Take hvp, hessian or jvp of a gradient by the same arguments, or give the function types: "
        f"{reason.advice[:1].lower()}{reason.advice[1:]}",
        reason.location,
        reason.chain,
    )


def _of_items(
    derived: Derived, how: Batch, arguments: Arguments, reason: UnsupportedError
) -> Program:
    """The function for each of many items, one after the other."""
    out = how.out_axes
    if not isinstance(out, int):
        raise UnsupportedError(
            f"out_axes for each part of the result of a dynamic program: {reason.message}",
            "Give one number for all parts, and move axes of the results with np.moveaxis.",
            reason.location,
        )
    _, along = items_of(arguments, how.in_axes)
    name = getattr(derived.base, "__name__", "f")
    name = unused_name("f" if name == "<lambda>" else name, set(arguments.names))
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
    if is_float(type_) or any(dynamic_classes(type_)):
        return
    raise UnsupportedError(
        f"cannot differentiate with respect to {name!r}, which holds no floats",
        f"Pass {name}.astype(float), or leave it out of argnums.",
        reason.location,
    )


class _Text:
    """The parts of the text of a program."""

    def __init__(
        self, derived: Derived, form: Form, arguments: Arguments, base: Any, name: str
    ) -> None:
        self.derived, self.form, self.arguments = derived, form, arguments
        self.base, self.name = base, name
        self.imports: dict[str, str] = {"tape": "from srcdiff.dynamic import Tape"}
        self.node: object = None
        self.rewriter: Rewriter | None = None
        tree = plain_tree(base) if isinstance(base, FunctionType) else None
        self.own_name = name
        if tree is not None and any(
            isinstance(n, ast.Name) and n.id == name for n in ast.walk(tree)
        ):
            self.own_name = f"{name}_dynamic"  # the name itself is bound to the original function
        if tree is not None and not any(
            isinstance(n, ast.Global) or (isinstance(n, ast.Nonlocal) and _is_of(tree, n))
            for n in ast.walk(tree)
        ):
            self.rewriter = rewriter_of(base, tree, is_leaf=is_expression(base))
            self.node = self.rewritten(tree, self.rewriter)
        taken = {name, *arguments.names}
        self.keyword_only = [p.name for p in parameters_of(base) if p.kind is p.KEYWORD_ONLY]
        self.called = self.own_name if self.node is not None else name
        self.tape = self.rewriter.tape if self.rewriter is not None else unused_name("tape", taken)

    def rewritten(self, tree: Pytree, rewriter: Rewriter) -> ast.FunctionDef:
        """The function, with a tape as its first parameter."""
        return dynamic_function(tree, rewriter, self.own_name)

    def outside(self) -> dict[str, object]:
        """The names outside that the function's text refers to."""
        if self.node is None or self.rewriter is None:
            return {}
        found = {n: look_up(self.base, n) for n in _names_from_outside(_printed(self.node))}
        known = {n: f[1] for n, f in found.items() if f is not None}
        return {k: v for k, v in known.items() if getattr(builtins, k, None) is not v}

    def bindings(self) -> dict[str, object]:
        """The objects in the namespace of the program."""
        if self.node is None:
            return {self.called: self.base}
        return {k: v for k, v in self.outside().items() if not isinstance(v, ModuleType)}

    def text(self) -> str:
        modules = {k: v.__name__ for k, v in self.outside().items() if isinstance(v, ModuleType)}
        used = ", ".join(filter(None, (self.form.tape, self.form.helper)))
        lines = sorted(_import(k, m) for k, m in modules.items())
        parts = [*lines, *([""] if lines else []), f"from srcdiff.dynamic import {used}", ""]
        if self.node is not None:
            parts += ["", _printed(self.node), ""]
        return "\n".join([*parts, "", ""]) + entry_text(self.entry(), self.form)

    def entry(self) -> Entry:
        """The names in the function that is called."""
        d, names = self.derived, self.arguments.names
        wrt = [names[k] for k in d.wrt]
        further = d.derivation.further(wrt)
        if isinstance(d.derivation, Hvp) and d.as_tuple:
            further = tuple(f"v_{n}" for n in wrt)
        passed = ", ".join(f"{n}={n}" if n in self.keyword_only else n for n in names)
        call = f"{self.tape}.call({self.called}, {passed})"
        if self.node is not None:
            call = f"{self.called}({self.tape}, {passed})"
        taken = {*names, self.called}
        is_matrix = self.form.helper == "hessian_of"
        aux = unused_name("_" if is_matrix else "aux", taken) if d.options.has_aux else ""
        return Entry(
            d,
            tuple(names),
            tuple(unused_name(n, set(names)) for n in further),
            self.name,
            self.called,
            self.tape,
            call,
            unused_name("value", taken),
            aux,
        )


def _is_of(tree: Pytree, node: ast.Nonlocal) -> bool:
    """Whether a `nonlocal` names a variable of an enclosing function."""
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


def _names_from_outside(text: str) -> list[str]:
    """The names that a function's text uses and does not bind, in a fixed order."""
    found: dict[str, None] = {}
    tables = [symtable.symtable(text, "<function>", "exec")]
    while tables:
        table = tables.pop()
        names = (s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced())
        found.update(dict.fromkeys(names))
        tables += table.get_children()
    return sorted(found)


def _printed(node: Any) -> str:
    """The text of a function; by `ast.unparse` where our printer cannot print it."""
    try:
        return to_text(gast.ast_to_gast(ast.Module([node], []))).strip("\n")
    except (TypeError, AttributeError):
        return ast.unparse(node)
