"""Export of a bound's stages as files, and of a test file for the gradient that does not need srcdiff."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import srcdiff
from srcdiff.vi.model.pytree import Data, Pytree

if TYPE_CHECKING:
    from srcdiff.vi.objectives.elbo import Elbo

_TEST = '''

# ---- what is tested ----------------------------------------------------------------

GRADIENT = "{gradient}"
COUNT = {count}  # parameters, which stand first
HELD = {held}  # whether they stand there twice, the second time held
ARGUMENTS = {arguments}


def arguments(params, eps):
    """What the functions take."""
    rest = [eps[n] for n in range(len(eps))] + ARGUMENTS["data"]
    return [*params, *(params if HELD else []), *{baseline}, *rest]


def gradient(params, eps):
    """Value and gradient, of the file beside this one."""
    return runpy.run_path(str(Path(__file__).with_name(GRADIENT)))["{name}_value_and_grad"](*arguments(params, eps))


def moved(params, k, place, h):
    found = [np.array(p, float) for p in params]
    found[k][place] += h
    return [p if p.ndim else float(p) for p in found]


def points():
    """The parameters given, and others near them: where some are zero or equal, changed signs have no effect."""
    rng = np.random.default_rng(0)
    given = ARGUMENTS["params"]
    near = [p + 0.3 * rng.uniform(0.5, 1.0, np.shape(p)) * rng.choice([-1.0, 1.0], np.shape(p)) for p in given]
    return [given, near]


def test_the_value_is_that_of_the_bound():
    for params in points():
        given = arguments(params, ARGUMENTS["eps"])
        np.testing.assert_allclose(gradient(params, ARGUMENTS["eps"])[0], {name}(*given), rtol=1e-10)


def test_the_gradient_equals_differences_with_the_same_draws():
    for params in points():
        check_differences(params, ARGUMENTS["eps"])


def check_differences(params, eps):
    _, grads = gradient(params, eps)
    given = arguments(params, eps)
    h = 1e-5
    for k, grad in enumerate(grads):
        for place in np.ndindex(np.shape(grad)):
            values = []
            for step in (h, -h):
                there = [*moved(params, k, place, step), *given[COUNT:]]
                value = {name}(*there)
                values.append(value[0] if isinstance(value, tuple) else value)
            expected = (values[0] - values[1]) / (2 * h)
            found = np.asarray(grad)[place]
            tolerance = 1e-6 * max(1.0, abs(expected)) + 1e-8 * abs(values[0])
            assert abs(found - expected) <= tolerance, (k, place)
'''


def write_stages(
    elbo: "Elbo",
    folder: Path,
    params: Pytree,
    eps: Pytree,
    data: Data,
    kernel: bool = False,
) -> list[Path]:
    """Write `elbo.py` (the log-joint and the bound), `gradient.py` and `loops.py` (if there is a loop form), and
    optionally `kernel.py`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bound = elbo.bound(*data)
    text = folder / "elbo.py"
    text.write_text(bound.text(data), encoding="utf-8")
    given = bound.arguments(params, eps, data, 0.0)
    made = bound.value_and_grad
    files = [text, made.save(folder / "gradient.py", *given)]
    with contextlib.suppress(srcdiff.UnsupportedError):  # the form in NumPy is complete
        files.append(made.save(folder / "loops.py", *given, form="loops"))
    if kernel:
        files.append(folder / "kernel.py")
        source = _kernel(made, given, len(data), len(bound.noise_arguments(eps)))
        files[-1].write_text(source, encoding="utf-8")
    return files


def _kernel(made: object, given: Sequence[Any], data: int, noise: int) -> str:
    """The kernel of the gradient for many arrays of noise at once, one for each thread, and their mean."""
    first = len(given) - data - noise  # noise comes before the data
    is_noise = [first <= k < first + noise for k in range(len(given))]
    run = srcdiff.cuda.batched(made, tuple(0 if own else None for own in is_noise), "mean")
    stacked = [np.stack([a]) if own else a for a, own in zip(given, is_noise, strict=True)]
    return str(run.module_text(*stacked))


def write_test(elbo: "Elbo", path: Path, params: Pytree, eps: Pytree, data: Data) -> Path:
    """Write a test of the gradient, and the gradient beside it."""
    bound = elbo.bound(*data)
    gradient = path.with_name(f"{path.stem.removeprefix('test_')}_gradient.py")
    bound.value_and_grad.save(gradient, *bound.arguments(params, eps, data, 0.3))
    values = {
        "params": list(params),
        "eps": bound.noise_arguments(eps),
        "data": list(data),
    }
    shown = ", ".join(f'"{k}": [{", ".join(map(_literal, v))}]' for k, v in values.items())
    doc = f'"""Tests `{bound.written.name}` and the gradient in {gradient.name}; needs NumPy, SciPy and pytest."""\n\n'
    head, _, rest = bound.text(data).partition("import numpy as np\n")
    imports = "import runpy\nfrom pathlib import Path\n\nimport numpy as np\n"
    test = _TEST.format(
        gradient=gradient.name,
        count=len(params),
        held=bound.written.held,
        baseline="[0.3]" if bound.written.surrogate else "[]",
        name=bound.written.name,
        arguments=f"{{{shown}}}",
    )
    path.write_text(f"{doc}{head}{imports}{rest.rstrip()}\n{test}", encoding="utf-8")
    return path


def _literal(value: np.ndarray) -> str:
    if isinstance(value, np.ndarray):
        text = np.array2string(
            value, separator=", ", threshold=2**62, floatmode="unique", max_line_width=100
        )
        return f"np.array({text})"
    return repr(value.item() if isinstance(value, np.generic) else value)
