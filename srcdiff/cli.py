"""The command line: `srcdiff demo`, `show`, `save`, `compile` and `cache`.

Status 0: done; 1: the function cannot be differentiated; 2: the command, the file or the arguments are wrong.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import os
import runpy
import sys
import traceback
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import srcdiff
from srcdiff.cache.contents import clear, contents
from srcdiff.errors import DifferentiationError
from srcdiff.handles.generated import handles

_EXAMPLE_VALUES: dict[type, object] = {float: 1.0, int: 1, bool: True}


class _UserMistake(Exception):
    """An error that is printed in one line, without a traceback."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
        sys.stdout.flush()  # here, where a closed pipe is still caught
    except _UserMistake as mistake:
        print(f"srcdiff: {mistake}", file=sys.stderr)
        return 2
    except DifferentiationError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsrcdiff: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `srcdiff show ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="srcdiff", description="Derivatives of Python functions, as Python source."
    )
    parser.add_argument("--version", action="version", version=f"srcdiff {srcdiff.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="a hidden Markov model of letters, in under a minute")
    demo.set_defaults(command=_demo)

    show = commands.add_parser("show", help="print the source of a function's derivative")
    _add_target(show)
    show.add_argument(
        "--stage", metavar="NAME", help="the program after this pass instead (`list`: their names)"
    )
    show.set_defaults(command=_show)

    save = commands.add_parser("save", help="write it to a file that does not need srcdiff")
    _add_target(save)
    save.add_argument("-o", "--output", metavar="OUT", type=Path, required=True)
    save.set_defaults(command=_save)

    ahead = commands.add_parser(
        "compile", help="run a file with each derivative compiled at its first call, for later runs"
    )
    ahead.add_argument("file", metavar="FILE", type=Path)
    ahead.add_argument("arguments", metavar="ARGUMENTS", nargs=argparse.REMAINDER)
    ahead.set_defaults(command=_compile)

    cache = commands.add_parser("cache", help="show, check or clear the folder of generated files")
    cache.add_argument("action", choices=("show", "check", "clear"), nargs="?", default="show")
    cache.set_defaults(command=_cache)
    return parser


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="FILE:FUNCTION")
    parser.add_argument(
        "--args",
        metavar="EXPRESSIONS",
        help="example arguments, such as 'np.ones(3), 0.5'; otherwise the first of the file's"
        " EXAMPLES, or what the annotations say",
    )
    parser.add_argument(
        "--argnums",
        metavar="WHICH",
        help="positions or names of the arguments to differentiate, such as '0,2' or 'mu,sigma' (default: the"
        " file's WRT, or the first)",
    )
    parser.add_argument(
        "--mode", choices=("grad", "value_and_grad", "jvp"), default="value_and_grad"
    )


def _demo(options: argparse.Namespace) -> None:
    from rich.console import Console  # only here: `show` in a pipe needs no rich

    from srcdiff.demo import demo

    try:
        demo.run(Console())
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("pydoc_data"):
            raise
        raise _UserMistake("this Python comes without pydoc_data, whose text is read") from error


def _show(options: argparse.Namespace) -> None:
    request = _request(options)
    if options.stage is None:
        _print_source(request.generated.source_for(*request.arguments))
        return
    stages = request.generated.stages(*request.arguments)
    if options.stage == "list":
        print("\n".join(stages))
    elif options.stage in stages:
        print(stages[options.stage])
    else:
        raise _UserMistake(f"no stage {options.stage!r}; there are {', '.join(stages)}")


def _print_source(source: str) -> None:
    if not sys.stdout.isatty():
        print(source.strip("\n"))
        return
    from rich.console import Console  # as in `_demo`

    from srcdiff.console import show_source

    show_source(Console(), source)


def _save(options: argparse.Namespace) -> None:
    output: Path = options.output
    request = _request(options)
    if output.exists() and output.samefile(request.file):
        raise _UserMistake(f"{output} is the file that is differentiated")
    try:
        request.generated.save(output, *request.arguments)
    except OSError as error:
        raise _UserMistake(f"cannot write {output}: {error.strerror or error}") from error
    print(output)


def _compile(options: argparse.Namespace) -> None:
    if not options.file.is_file():
        raise _UserMistake(f"no such file: {options.file}")
    os.environ["SRCDIFF_JIT"] = "wait"
    sys.argv[:] = [str(options.file), *options.arguments]
    sys.path.insert(0, str(options.file.resolve().parent))
    runpy.run_path(str(options.file), run_name="__main__")
    for name, seconds in sorted({t for handle in handles() for t in handle.compile_times()}):
        print(f"{name}: {seconds:.1f} s", file=sys.stderr)


def _cache(options: argparse.Namespace) -> None:
    try:
        if options.action == "clear":
            print(f"{clear()} files deleted")
            return
        found = contents()
    except (OSError, RuntimeError) as error:
        raise _UserMistake(f"there is no cache: {error or 'it is switched off'}") from error
    if options.action == "show":
        print(found.folder)
        for kind, count in found.counts.items():
            print(f"{kind}: {count} files, {found.sizes[kind] / 1e6:.1f} MB")
        return
    for path in found.damaged:
        print(path)
    print(f"{sum(found.counts.values())} files, {len(found.damaged)} damaged, which are not used")


# ---- the requested form ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Request:
    file: Path
    generated: Any  # a generated function
    arguments: tuple[Any, ...]  # of the generated function


def _request(options: argparse.Namespace) -> _Request:
    file_name, _, function_name = options.target.rpartition(":")
    if not file_name or not function_name:
        raise _UserMistake(f"expected FILE:FUNCTION, not {options.target!r}")
    file = Path(file_name)
    module = _load(file)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise _UserMistake(f"{file} has no function {function_name!r}")
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        raise _UserMistake(f"{function_name!r} is not written in Python") from error
    if not signature.parameters:
        raise _UserMistake(f"{function_name!r} takes no arguments")
    arguments = _arguments(function, signature, module, options.args)
    argnums = _argnums(signature, arguments, module, options.argnums)
    if options.mode == "jvp":
        generated: Any = srcdiff.differentiate(argnums=argnums)(function).jvp
        tangents = _tangents(signature, arguments, argnums)
        return _Request(file, generated, (arguments, tangents))
    derivative = srcdiff.grad if options.mode == "grad" else srcdiff.value_and_grad
    return _Request(file, derivative(function, argnums=argnums), arguments)


def _tangents(
    signature: inspect.Signature, arguments: tuple[object, ...], argnums: object
) -> tuple[object, ...]:
    """Tangents of the right types: an argument may stand for its own, None where there is none."""
    wanted = argnums if isinstance(argnums, tuple) else (argnums,)
    names = list(signature.parameters)
    positions = {names.index(which) if isinstance(which, str) else which for which in wanted}
    return tuple(argument if k in positions else None for k, argument in enumerate(arguments))


def _load(file: Path) -> ModuleType:
    """Import a file as `python file.py` would find it, its neighbours importable."""
    if not file.is_file():
        raise _UserMistake(f"no such file: {file}")
    name = file.stem if file.stem not in sys.modules else f"{file.stem}_"
    spec = importlib.util.spec_from_file_location(name, file.resolve())
    if spec is None or spec.loader is None:
        raise _UserMistake(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    sys.path.insert(0, str(file.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _UserMistake(f"{_raised_at(error, file)}: {_one_line(error)}") from error
    return module


def _raised_at(error: BaseException, file: Path) -> str:
    """The file, and the line in it that an exception came from where it is known."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(file.resolve())
    ]
    return f"{file}:{lines[-1]}" if lines else str(file)


def _one_line(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {' '.join(str(text).split())}"


# ---- example arguments -----------------------------------------------------------------------------


def _arguments(
    function: Callable[..., object],
    signature: inspect.Signature,
    module: ModuleType,
    given: str | None,
) -> tuple[Any, ...]:
    """What to differentiate for: `--args`, else a fitting row of EXAMPLES, else from annotations."""
    if given is not None:
        arguments = _evaluated(given, module)
        if not _fits(signature, arguments):
            raise _UserMistake(f"the {len(arguments)} arguments of --args do not fit {signature}")
        return arguments
    for example in getattr(module, "EXAMPLES", ()):
        if isinstance(example, tuple) and _fits(signature, example):
            return example
    return _from_annotations(function, signature)


def _evaluated(text: str, module: ModuleType) -> tuple[object, ...]:
    names = {"np": np, **vars(module), "_collected": lambda *arguments: arguments}
    try:
        collected: tuple[object, ...] = eval(f"_collected({text})", names)
    except Exception as error:
        raise _UserMistake(f"--args {text!r}: {_one_line(error)}") from error
    return collected


def _fits(signature: inspect.Signature, arguments: tuple[object, ...]) -> bool:
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True


def _from_annotations(
    function: Callable[..., object], signature: inspect.Signature
) -> tuple[object, ...]:
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError):  # names known to type checkers only
        hints = {}
    arguments = []
    for name, parameter in signature.parameters.items():
        is_variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if is_variadic or parameter.default is not parameter.empty:
            break
        hint = hints.get(name)
        if not isinstance(hint, type) or hint not in _EXAMPLE_VALUES:
            raise _UserMistake(f"give example arguments with --args: {_why_not(name, hint)}")
        arguments.append(_EXAMPLE_VALUES[hint])
    return tuple(arguments)


def _why_not(name: str, hint: object) -> str:
    if hint is None:
        return f"{name!r} has no annotation, and the file no EXAMPLES that fit"
    shown = hint.__name__ if isinstance(hint, type) else str(hint)
    return f"{name!r} is annotated as {shown}, which leaves its shape open"


# ---- the arguments to differentiate-----------------------------------------------------------------


def _argnums(
    signature: inspect.Signature,
    arguments: tuple[object, ...],
    module: ModuleType,
    given: str | None,
) -> Any:
    """A position, a name, or a tuple of them."""
    if given is None:
        return _file_argnums(module, len(arguments))
    names = list(signature.parameters)
    words = [word.strip() for word in given.split(",") if word.strip()]
    if not words:
        raise _UserMistake("--argnums names no argument")
    argnums = tuple(_argnum(word, names, len(arguments)) for word in words)
    return argnums if "," in given else argnums[0]


def _file_argnums(module: ModuleType, n_arguments: int) -> Any:
    """The file's WRT, where it can be meant for this function; otherwise the first argument."""
    wrt = getattr(module, "WRT", 0)
    positions = wrt if isinstance(wrt, tuple) else (wrt,)
    fits = all(isinstance(p, str) or p < n_arguments for p in positions)
    return wrt if fits else 0


def _argnum(word: str, names: list[str], n_arguments: int) -> int | str:
    if word in names:
        return word
    if word.isdecimal() and int(word) < n_arguments:
        return int(word)
    raise _UserMistake(f"--argnums {word!r}: the arguments are {', '.join(names)}")
