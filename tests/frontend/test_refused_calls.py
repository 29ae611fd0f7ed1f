"""Each expression that is refused says where, what and what to do; and every refusal stands in some test."""

import ast
import linecache
import re
import warnings
import zlib
from pathlib import Path

import pytest
from frontend import refused_advice
from frontend.refused_calls import LANGUAGE, LIBRARIES, NAMES
from frontend.refused_operands import OPERANDS, ROWS
from frontend.test_trace import traced

import srcdiff
from srcdiff.errors import UnsupportedError


def function_of(plain):
    """A function of `x` that gives an expression."""
    text = f"def f(x):\n    return {plain}\n"
    file = f"<refused {zlib.crc32(text.encode())}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    namespace = {**NAMES, **OPERANDS, **refused_advice.NAMES}
    exec(compile(text, file, "exec"), namespace)
    return namespace["f"]


def made(f, *args):
    """A derivative: read, which is all that most need to be refused, and by the passes."""
    traced(f, *args)
    srcdiff.grad(f)(*args)


@pytest.mark.parametrize(
    ("expression", "args", "message", "advice"),
    [*LANGUAGE, *LIBRARIES, *(row[:4] for row in ROWS)],
    ids=lambda v: v if isinstance(v, str) else "",
)  # fmt: skip
def test_what_is_refused_says_where_why_and_what_to_do(expression, args, message, advice):
    plain = expression.replace("«", "").replace("»", "")
    marked = re.search("«(.*)»", expression)
    with pytest.raises(UnsupportedError) as caught:
        made(function_of(plain), *args)
    error = caught.value
    assert message in error.message and advice in error.advice
    assert not error.advice or error.advice.endswith(".")
    if marked:
        assert error.source_line[error.column : error.end_column] == marked[1]
    else:  # in a helper: the expression is what led there
        assert error.chain[-1].source_line.strip() == f"return {plain}"


@pytest.mark.parametrize(
    ("args", "advised"),
    [*((row[1], row[-1]) for row in ROWS if row[-1]), *refused_advice.ADVISED],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_advised_is_differentiated(args, advised):
    with warnings.catch_warnings():
        warnings.simplefilter("error", srcdiff.DynamicWarning)
        srcdiff.check_grads(function_of(advised), *args, order=1)


# ---- none without a test -------------------------------------------------------------------------------------------

SOURCES = Path(__file__).parents[2] / "srcdiff"
RAISING = {
    "fail", "untyped", "refuse", "refused", "not_shown", "message_refused", "UnsupportedError", "UntypedError",
    "DifferentiationError", "RuleError", "SourceNotFoundError", "TypeMistake", "ShapeMismatch", "must_equal",
}  # fmt: skip
# what no test says, with the reason
KEPT = {
    "the types in this function do not settle": "readings have an end",
    "(the first is in line": "the end of a message whose beginning is the handler's, and is tested with it",
    "` returns has no fixed type: it calls itself": "the same, for functions that call themselves",
    "is raised here": "where a composite says nothing else; all of them do",
    "is no list of": "of `list(x)`, which is read so for arrays of one axis or more only",
    "a literal": "of the text form of the IR, which no user writes",
    "array size too large to fit in C int": "of products of matrices that take 16 GB and more",
    "arguments on a device,": "of weights that are not floats, which only a device takes",
}


def _texts(node):
    """What is written in an expression for a message."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from (v.value for v in node.values if isinstance(v, ast.Constant))
    elif isinstance(node, ast.BinOp):
        yield from (*_texts(node.left), *_texts(node.right))
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))


def _returned(tree):
    """Pairs of a message and an advice that a function makes for others to raise."""
    for node in ast.walk(tree):
        pair = node.value if isinstance(node, ast.Return | ast.Assign) else None
        if isinstance(pair, ast.Tuple) and len(pair.elts) == 2:
            texts = [" ".join(_texts(part)) for part in pair.elts]
            if texts[1].strip().endswith(".") and len(texts[0].split()) > 2:
                yield node, list(_texts(pair.elts[0]))


def _messages():
    """The longest fragment of each message, with where it stands."""
    raises = re.compile(rf"\b_?({'|'.join(sorted(RAISING))})\(")
    for path in sorted(SOURCES.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        for node, texts in _returned(tree):
            yield (
                max((t.strip() for t in texts), key=len),
                f"{path.relative_to(SOURCES)}:{node.lineno}",
            )
        if not raises.search(text):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name.lstrip("_") not in RAISING:
                continue
            texts = next((t for a in node.args[:3] if (t := list(_texts(a)))), [])
            message = max((t.strip() for t in texts), key=len, default="")
            if (
                len(message.split()) > 1 and "{0}" not in message
            ):  # a test of generated code is none
                yield message, f"{path.relative_to(SOURCES)}:{node.lineno}"


def _tested():
    """What is written in tests, regular expressions as what they match."""
    own = Path(__file__)  # which has the list
    tests = (path for path in own.parents[1].rglob("*.py") if path != own)
    return "\n".join(path.read_text(encoding="utf-8").replace("\\", "") for path in tests)


def _stands_in(message, tested):
    """Whether three words of it in a row do."""
    words = message.split()
    count = min(3, len(words))
    rows = (" ".join(words[k : k + count]) for k in range(len(words) - count + 1))
    return any(row in tested for row in rows)


@pytest.mark.long
def test_no_refusal_is_without_a_test():
    tested = _tested()
    missing = [(m, place) for m, place in _messages() if not _stands_in(m, tested)]
    assert [(m, place) for m, place in missing if m not in KEPT] == []
    assert {m for m, _ in missing} == {
        *KEPT
    }  # those that have a test by now are taken out of the list
