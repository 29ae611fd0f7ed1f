"""IR functions to the text of a module, and what that text needs to find in its namespace.

plan -> lengths -> folding -> liveness -> names -> statements -> text

Lists among the parameters of compiled code come as arrays and tuples, which Numba takes faster: `layers = list(layers)`
is the first line.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Mapping
from itertools import chain, count
from typing import Any

import gast

from srcdiff.codegen.names.assign import name_variables
from srcdiff.codegen.names.liveness import live_intervals
from srcdiff.codegen.plan.block_arguments import unbound, with_value_checks
from srcdiff.codegen.plan.defuse import facts_of
from srcdiff.codegen.plan.dims import resolve_lengths
from srcdiff.codegen.plan.lower import lower
from srcdiff.codegen.plan.plan import Jump, Let, Node, Plan, walk_nodes
from srcdiff.codegen.plan.result_names import keep_outcomes
from srcdiff.codegen.plan.tuple_assignments import assign_together
from srcdiff.codegen.text import syntax as n
from srcdiff.codegen.text.expression_folding import Folding, fold
from srcdiff.codegen.text.printer import to_text
from srcdiff.codegen.text.statements import Writer, constant
from srcdiff.codegen.text.syntax import Expr, Stmt
from srcdiff.codegen.text.templates import template
from srcdiff.ir.alias import storage_roots
from srcdiff.ir.core import Call, For, Function, Op, Tree, walk
from srcdiff.ir.location import Location
from srcdiff.ir.recursion import callees_first, calls_of_itself
from srcdiff.ir.types import List, Struct, Type, has_lists
from srcdiff.ir.values import Value

_PARTS = ("numba.", "scipy.", "srcdiff.")  # libraries of which functions are imported one by one


def to_source(fn: Function) -> str:
    """The module that defines `fn` and the functions it calls; the same text for the same function in every process."""
    bound = set(bindings_of(fn))
    functions = callees_first(fn)
    taken = {fn.name, *bound, *dir(builtins)}  # the text means the builtins
    names: dict[Function, str] = {}
    known: dict[str, str] = {}  # a helper's text under the user's name: what it is called here
    imports: set[str] = set()
    definitions: list[Stmt] = []
    defined: list[Function] = []
    for f in functions:
        bare = {f: f.name, **names}
        others = bound | {g.name for g in functions}
        tree = function_tree(f, bare, others, imports, is_entry=f is fn)
        text = "" if f is fn else to_text(tree)
        if text in known:
            names[f] = known[text]
            continue
        names[f] = tree.name = f.name if f is fn else _unused(f.name, taken)
        own = {call.function: names[f] for call in calls_of_itself(f)}
        if own:
            tree = function_tree(f, {**names, **own}, others, imports, is_entry=f is fn)
        known[text] = names[f]
        taken.add(names[f])
        definitions.append(tree)
        defined.append(f)
    if fn.target.is_device:
        imports.add("numba.cuda as cuda")
        jit = n.attribute("cuda", "jit")
        on_device = jit if fn.target.is_kernel else n.call(jit, device=n.constant(True))
        for tree in definitions:
            tree.decorator_list = [on_device]
    elif fn.target.is_compiled:
        imports.add("numba.njit as njit")
        shared = {f for f in functions if _has_threads(f)}
        if shared:
            imports.add("numba.prange as prange")
        for f, tree in zip(defined, definitions, strict=True):
            tree.decorator_list = [compiled(fn.target.fastmath, f in shared)]
    return to_text(n.module([*import_statements(imports), *definitions]))


def _has_threads(fn: Function) -> bool:
    return any(isinstance(s, For) and s.is_parallel for s in walk(fn.body))


_DTYPES = {"bool": "bool_", "int": "int64", "float": "float64"}


def _spell_dtypes(tree: Stmt) -> None:
    """NumPy's names for dtypes: Numba takes no others."""
    for node in gast.walk(tree):
        if isinstance(node, gast.Call):
            given = [k.value for k in node.keywords if k.arg == "dtype"]
            if isinstance(node.func, gast.Attribute) and node.func.attr == "astype":
                given += node.args
            for name in given:
                if isinstance(name, gast.Attribute) and name.attr == "bool":
                    name.attr = "bool_"
                elif isinstance(name, gast.Name) and name.id in _DTYPES:
                    new = n.attribute("np", _DTYPES[name.id])
                    node.keywords = [
                        gast.keyword(k.arg, new if k.value is name else k.value)
                        for k in node.keywords
                    ]
                    node.args = [new if a is name else a for a in node.args]


def compiled(fastmath: bool, in_threads: bool = False) -> Expr:
    """The decorator of functions that Numba compiles. NaN and infinities always count."""
    flags = {"error_model": n.constant("numpy")}
    if in_threads:
        flags = {"parallel": n.constant(True), **flags}
    if fastmath:
        flags["fastmath"] = n.set_(*map(n.constant, ("contract", "reassoc", "arcp", "nsz")))
    return n.call("njit", **flags)


def _unused(name: str, taken: set[str]) -> str:
    """The name, or with a number where one function is there for several types."""
    numbered = (f"{name}_{k}" for k in count(2))
    return next(each for each in chain([name], numbered) if each not in taken)


def bindings_of(fn: Function) -> dict[str, object]:
    """What the text mentions and does not define: arrays from outside, named tuples and dataclasses, functions that
    have a rule.
    """
    found: dict[str, Any] = {}
    for f in callees_first(fn):
        found.update(f.source.globals)
        found.update(f.source.captured)
        for s in walk(f.body):
            if isinstance(s, Op):
                if s.decl.name == "constant_array":
                    found.setdefault(str(s.attrs["name"]), s.attrs["value"])
                found.update(s.attrs.get("bindings", {}))
                own = s.attrs.get("classes", {}).items()
                found.update((k, v) for k, v in own if not hasattr(builtins, k))
                if s.attrs.get("cls") is not None and s.attrs.get("kind") != "object":
                    found[s.attrs["cls"].__name__] = s.attrs["cls"]
                if s.decl.function is not None:
                    found[s.decl.spelling] = s.decl.function
        found.update(_classes(f.output))
    return found


def _classes(tree: Tree) -> dict[str, type]:
    if isinstance(tree, int):
        return {}
    mine = {} if tree.cls is None else {tree.cls.__name__: tree.cls}
    for child in tree.children:
        mine |= _classes(child)
    return mine


def function_tree(
    fn: Function,
    names: Mapping[Function, str],
    bound: set[str],
    imports: set[str],
    is_entry: bool = False,
) -> Stmt:
    """The definition of one function; adds the dotted names that it uses to `imports`."""
    writer, unset = _writer(fn, names, bound)
    if unset and not fn.target.is_compiled:
        checked = with_value_checks(fn, unset)
        if checked is not fn:
            writer, _ = _writer(checked, {**names, checked: names[fn]}, bound)
    imports.update(
        f"{d} as {writer.short[d]}"
        if d in writer.short
        else d
        if d.startswith(_PARTS)
        else d.partition(".")[0]
        for d in _dotted(writer.plan, writer.folding)
    )
    if not fn.target.is_compiled:
        writer.remarks = _remarks(fn, writer)
    body = commented(writer, fn.target.is_kernel)
    gives_nothing = fn.target.is_kernel or (fn.interface.written_params and not fn.body.yields)
    if gives_nothing and body and isinstance(body[-1], gast.Return):
        body = body[:-1]  # kernels, threads, and helpers that only add to what they are given
    defaults = [constant(value) for value in fn.interface.defaults.values()]
    if fn.target.is_compiled:
        for statement in body:
            _spell_dtypes(statement)
        if is_entry:
            body = [*listed_parameters(fn, writer.names), *body]
    if _mentions_numpy([*body, *defaults]):
        imports.add("np")
    params = n.arguments([writer.names[p] for p in fn.params], defaults=defaults)
    return n.function_def(names[fn], params, body or [n.pass_()], fn.doc or None)


def _writer(
    fn: Function, names: Mapping[Function, str], bound: set[str]
) -> tuple[Writer, set[Value]]:
    """The text's writer, and the values that start as None in it."""
    unset: set[Value] = set()
    while True:
        writer = writer_for(fn, names, bound, unset)
        found = unbound(writer.plan, writer.names)
        if found <= unset:
            return writer, unset
        unset |= found


def writer_for(
    fn: Function, names: Mapping[Function, str], bound: set[str], unset: Collection[Value]
) -> Writer:
    """All that is decided about a function's text before it is written."""
    roots = storage_roots(fn)
    plan = lower(fn, roots, names, unset)
    plan.prune()
    plan.number()
    resolve_lengths(plan, roots, fn.target.is_compiled)
    facts = facts_of(plan, roots)
    if keep_outcomes(plan, facts):
        plan.number()
        facts = facts_of(plan, roots)
    folding = fold(plan, facts, is_compiled=fn.target.is_compiled)
    assign_together(plan, facts, folding)
    used = _dotted(plan, folding)
    short = _short_names(used, {v.name for v in facts.defined} | bound)
    taken = bound | set(short.values()) | {d.partition(".")[0] for d in used} | {"np"}
    live = live_intervals(plan, folding)
    variables = name_variables(
        plan, facts, folding, live, taken, _derivatives(fn), by_kind=fn.target.is_compiled
    )
    return Writer(plan, folding, variables, short, taken)


def _derivatives(fn: Function) -> dict[Value, tuple[Value, str]]:
    """What the adjoint or tangent of a value that has no name yet will be called, when that has one."""
    kinds = ((fn.derivative.adjoint_of, "d_{}"), (fn.derivative.tangent_of, "{}_dot"))
    return {d: (v, form) for named, form in kinds for d, v in named.items()}


def commented(writer: Writer, is_kernel: bool = False) -> list[Stmt]:
    """The body, with `# forward` and `# backward` where both are there and separate; where a thread is belongs to both
    parts of a kernel.
    """
    plan = writer.plan
    written = [(node, writer.statement(node)) for node in plan.nodes]
    printed = _with_tail_call(plan.output, [(node, texts) for node, texts in written if texts])
    at = _backward_start([node for node, _ in printed])
    if is_kernel and all(isinstance(node, Let) for node, _ in printed[:at]):
        at = None
    out: list[Stmt] = []
    for k, (_, texts) in enumerate(printed):
        if k == 0 and at is not None:
            out.append(n.Comment("forward"))
        if k == at:
            out += [n.Blank(), n.Comment("backward")]
        out += texts
    return out


def _with_tail_call(
    output: Tree, printed: list[tuple[Node, list[Stmt]]]
) -> list[tuple[Node, list[Stmt]]]:
    """`return f(x)` for `a, b = f(x)` and `return a, b`."""
    if len(printed) < 2:
        return printed
    (call, assigned), (end, _) = printed[-2:]
    if not isinstance(call, Let) or not isinstance(call.source, Call) or len(call.results) < 2:
        return printed
    if not isinstance(end, Jump) or end.kind != "return" or end.operands != call.results:
        return printed
    if call.source.function.output != output:
        return printed
    return [*printed[:-2], (call, [n.return_(assigned[-1].value)])]


def _remarks(fn: Function, writer: Writer) -> dict[int, str]:
    """What handlers of effects remark, beside the last statement of the line (of each iteration, where unrolled)."""
    remarks = fn.source.remarks
    lines: dict[Location | None, list[Node]] = {}
    for node in walk_nodes(writer.plan.nodes) if remarks else ():
        if not isinstance(node, Let) or node.op is None or node.origin != "user":
            continue
        if not any(isinstance(a, Value) for a in node.operands):
            continue  # a constant, which is no more this line's than another's
        if node.op.location in remarks and not any(
            r in writer.folding.folded for r in node.results
        ):
            lines.setdefault(node.op.location, []).append(node)
    found: dict[str, Node] = {}
    for where, nodes in lines.items():
        texts = remarks[where]
        each, rest = divmod(len(nodes), len(texts))
        if rest:  # iterations that became different statements
            texts, each = texts[-1:], len(nodes)
        found.update((text, nodes[(k + 1) * each - 1]) for k, text in enumerate(texts))
    return {id(node): text for text, node in found.items()}


def _backward_start(nodes: list[Node]) -> int | None:
    """The first statement of the backward part: behind the last one that is the user's."""
    steps = [k for k, node in enumerate(nodes) if not isinstance(node, Jump)]
    blocks = [k for k in steps if _is_comment(nodes[k])]  # the user's lines in the backward part
    end = blocks[0] if blocks else len(nodes)
    last_user = max((k for k in steps if nodes[k].origin == "user" and k < end), default=None)
    if last_user is None:
        return None
    return next((k for k in steps if k > last_user and nodes[k].origin == "adjoint"), None)


def _is_comment(node: Node) -> bool:
    return isinstance(node, Let) and node.op is not None and node.op.decl.name == "comment"


def _dotted(plan: Plan, folding: Folding) -> list[str]:
    out: dict[str, None] = {}
    for node in (*walk_nodes(plan.nodes), *folding.folded.values()):
        if isinstance(node, Let):
            out.update(dict.fromkeys(template(node.text, len(node.operands)).dotted))
    return list(out)


def _short_names(dotted: list[str], variables: set[str]) -> dict[str, str]:
    """The functions of SciPy and of the runtime by their last name, unless something else is called so."""
    short: dict[str, str] = {}
    for name in dotted:
        last = name.rpartition(".")[2]
        if name.startswith(_PARTS) and last not in variables and last not in short.values():
            short[name] = last
    return short


def _mentions_numpy(body: list[Stmt]) -> bool:
    return any(
        isinstance(node, gast.Name) and node.id == "np" for s in body for node in gast.walk(s)
    )


def import_statements(imports: set[str]) -> list[Stmt]:
    """Modules of the standard library, then NumPy, then the others; only what is used."""
    own = ("cmath", "logging", "math", "operator", "time")
    out: list[Stmt] = [n.import_(module) for module in own if module in imports]
    if "np" in imports:
        out.append(n.import_("numpy", "np"))
    whole: set[str] = (
        set()
    )  # modules of which a function has no short name, for another name is its short one
    modules: dict[str, list[str]] = {}
    for name in sorted(i for i in imports if i.startswith(_PARTS)):
        dotted, _, short = name.partition(" as ")
        module = dotted.rpartition(".")[0]
        if short:
            modules.setdefault(module, []).append(short)
        else:
            whole.add(module)
    out += [n.import_(module) for module in sorted(whole)]
    out += [n.import_from(module, *sorted(names)) for module, names in sorted(modules.items())]
    return out


def listed_parameters(fn: Function, names: Mapping[Value, str]) -> list[Stmt]:
    """The statements that make lists of what stands for them."""
    return [
        n.assign(n.name(names[p]), _listed(p.type, n.name(names[p])))
        for p in fn.params
        if has_lists(p.type)
    ]


def _listed(type_: Type, value: Expr, depth: int = 0) -> Expr:
    if isinstance(type_, List) and not has_lists(type_.element):
        return n.call("list", value)
    if isinstance(type_, List):
        each = f"part_{depth}" if depth else "part"
        inner = _listed(type_.element, n.name(each), depth + 1)
        return n.list_comp(inner, n.comprehension(n.name(each), value))
    if isinstance(type_, Struct) and has_lists(type_):
        parts = [
            _listed(t, n.subscript(value, n.constant(k)), depth) for k, t in enumerate(type_.parts)
        ]
        return n.call(type_.cls.__name__, *parts) if type_.cls is not None else n.tuple_(*parts)
    return value
