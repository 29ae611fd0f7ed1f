"""`srcdiff demo`: a forward algorithm in, forward-backward out, and EM finds vowels in real text.

The gradient of log Z with respect to log probabilities is the vector of expected counts, so an EM step is a
gradient and a normalisation. The text is the English in Python's own `pydoc_data.topics`; the model is in
`model.py`.
"""

from __future__ import annotations

import inspect
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import srcdiff
from srcdiff.console import show_pair
from srcdiff.demo import model
from srcdiff.demo.model import log_Z

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
ValueAndGrad = Callable[..., Any]

ALPHABET = "abcdefghijklmnopqrstuvwxyz "
VOWELS = "aeiou"
_FILE_NAME = "letters_grad.py"


@dataclass(frozen=True)
class Plan:
    """How much work the demo does.

    All `starts` are tried with `trial_steps` steps of EM on the first `trial_letters`; the best of them goes on with
    all `letters`, until a step gains less than `tolerance` or `steps` are done.
    """

    letters: int = 3000
    starts: int = 6
    trial_letters: int = 1000
    trial_steps: int = 12
    steps: int = 30
    tolerance: float = 0.1
    checked_letters: int = 40
    seed: int = 0


class Parameters(NamedTuple):
    """Of a hidden Markov model: log_pi[k], log_A[from, to], log_B[k, letter]."""

    log_pi: Floats
    log_A: Floats
    log_B: Floats


@dataclass(frozen=True)
class Fit:
    parameters: Parameters
    letter_counts: Floats  # [state, letter], expected
    log_likelihoods: tuple[float, ...]  # before each step


def run(console: Console, plan: Plan | None = None) -> None:
    """Do all of the demo, and print as it goes."""
    plan = plan or Plan()
    started = time.perf_counter()
    letters = encode(english(plan.letters))
    value_and_grad = srcdiff.value_and_grad(log_Z, argnums=(0, 1, 2))
    example = (*random_start(letters, np.random.default_rng(plan.seed)), letters)

    console.print(
        "A hidden Markov model of letters, and its gradient: the forward-backward algorithm.\n"
    )
    generated = value_and_grad.source_for(*example)
    show_pair(console, ("written", written()), ("generated", generated))

    console.print(
        f"\nEM with it, two states, {len(letters):,} letters of Python's own documentation"
        f" (best of {plan.starts} starts):"
    )
    fit = _fit_with_progress(console, value_and_grad, letters, plan)
    likelihoods = fit.log_likelihoods
    console.print(
        f"log-likelihood {likelihoods[0]:,.1f} -> {likelihoods[-1]:,.1f}"
        f" in {len(likelihoods) - 1} more steps from the best start\n"
    )
    show_states(console, fit.letter_counts)

    piece = letters[: plan.checked_letters]
    srcdiff.check_grads(log_Z, *fit.parameters, piece, argnums=(0, 1, 2))
    console.print(f"\nThe gradient agrees with finite differences (on {len(piece)} letters).")

    path = free_path(Path.cwd())
    value_and_grad.save(path, *example)
    console.print("Saved, for use without srcdiff: ", end="")
    console.print(str(path), markup=False, highlight=False, soft_wrap=True)
    console.print(f"All of this took {time.perf_counter() - started:.0f} s.")


def written() -> str:
    """The model's file without its docstring."""
    return inspect.getsource(model).split('"""', 2)[2].strip()


# ---- the text --------------------------------------------------------------------------------------


def english(n_letters: int) -> str:
    """The beginning of the text: each topic's first paragraph, in small letters without punctuation."""
    from pydoc_data.topics import topics  # half a megabyte of text, only for the demo

    paragraphs = [_first_paragraph(topics[name]) for name in sorted(topics)]
    text = " ".join(
        dict.fromkeys(filter(None, paragraphs))
    )  # some topics begin with the same words
    return text[:n_letters].rstrip()


def _first_paragraph(topic: str) -> str:
    for paragraph in topic.split("\n\n"):
        if paragraph[:1].isupper() and paragraph.rstrip().endswith((".", ":")):
            plain = re.sub("[^a-z]+", " ", paragraph.lower()).strip()
            if len(plain) > 60:
                return plain
    return ""


def encode(text: str) -> Ints:
    return np.array([ALPHABET.index(letter) for letter in text])


# ---- EM --------------------------------------------------------------------------------------------


def random_start(letters: Ints, rng: np.random.Generator) -> Parameters:
    """Two states whose letters have the frequencies of the text, times random factors."""
    frequencies = np.bincount(letters, minlength=len(ALPHABET))
    factors = rng.exponential(size=(2, len(ALPHABET)))
    return Parameters(
        log_pi=log_normalised(np.ones(2)),
        log_A=log_normalised(rng.exponential(size=(2, 2))),
        log_B=log_normalised(frequencies * factors),
    )


def log_normalised(counts: Floats) -> Floats:
    """Log probabilities; a thousandth of a count more keeps what did not occur possible."""
    counts = counts + 1e-3
    log_probabilities: Floats = np.log(counts / counts.sum(axis=-1, keepdims=True))
    return log_probabilities


def em(
    value_and_grad: ValueAndGrad,
    parameters: Parameters,
    letters: Ints,
    *,
    steps: int,
    tolerance: float = 0.0,
    on_step: Callable[[], object] = lambda: None,
) -> Fit:
    """Expectation maximisation: the gradient gives the expected counts, which are then normalised."""
    log_likelihoods: list[float] = []
    for _ in range(steps):
        log_likelihood, counts = value_and_grad(*parameters, letters)
        log_likelihoods.append(float(log_likelihood))
        parameters = Parameters(*map(log_normalised, counts))
        on_step()
        if len(log_likelihoods) > 1 and log_likelihoods[-1] - log_likelihoods[-2] < tolerance:
            break
    return Fit(parameters, counts[2], tuple(log_likelihoods))


def best_fit(
    value_and_grad: ValueAndGrad,
    letters: Ints,
    plan: Plan,
    on_step: Callable[[], object] = lambda: None,
) -> Fit:
    """The most promising of several starts, carried on to the end."""
    rng = np.random.default_rng(plan.seed)
    piece = letters[: plan.trial_letters]
    starts = [random_start(piece, rng) for _ in range(plan.starts)]
    trials = [
        em(value_and_grad, start, piece, steps=plan.trial_steps, on_step=on_step)
        for start in starts
    ]
    best = max(trials, key=lambda fit: fit.log_likelihoods[-1])
    return em(
        value_and_grad,
        best.parameters,
        letters,
        steps=plan.steps,
        tolerance=plan.tolerance,
        on_step=on_step,
    )


def _fit_with_progress(
    console: Console, value_and_grad: ValueAndGrad, letters: Ints, plan: Plan
) -> Fit:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    total = plan.starts * plan.trial_steps + plan.steps
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("EM steps", total=total)
        fit = best_fit(value_and_grad, letters, plan, on_step=lambda: progress.advance(task))
        progress.update(task, total=progress.tasks[task].completed)  # it may have ended early
    return fit


# ---- what came out ---------------------------------------------------------------------------------


def show_states(console: Console, letter_counts: Floats) -> None:
    """The letters with the state that each belongs to, and what is not as a grammar would have it."""
    counts = letter_counts.sum(axis=0)
    state = vowel_state(letter_counts)
    share = letter_counts[state] / np.maximum(counts, 1e-300)
    table = Table("letter", "count", "P(vowels | letter)", "", box=box.SIMPLE)
    for index in sorted(np.flatnonzero(counts > 0.5), key=lambda index: -share[index]):
        bar = "#" * round(20 * share[index])
        table.add_row(
            "space" if ALPHABET[index] == " " else ALPHABET[index],
            f"{counts[index]:.0f}",
            f"{share[index]:.2f}",
            bar,
        )
    console.print(table)
    for sentence in describe_states(letter_counts):
        console.print(sentence)


def vowel_state(letter_counts: Floats) -> int:
    """The state that more of a, e, i, o, u belong to than to the other."""
    indices = [ALPHABET.index(letter) for letter in VOWELS]
    vowels = letter_counts[:, indices]
    votes = np.sum(vowels > vowels[::-1], axis=1)
    return int(np.argmax(votes if votes[0] != votes[1] else vowels.sum(axis=1)))


def describe_states(letter_counts: Floats) -> list[str]:
    """What the states have become, in sentences that also say what came out otherwise."""
    here = letter_counts[vowel_state(letter_counts)]
    total = letter_counts.sum(axis=0)
    seen = [letter for letter, count in zip(ALPHABET, total, strict=True) if count > 0.5]
    together = [c for c in seen if 2 * here[ALPHABET.index(c)] > total[ALPHABET.index(c)]]
    separate = [c for c in seen if c not in together]
    vowels, strays = _split(together)
    missing, consonants = _split(separate)
    if len(vowels) <= len(missing) or len(consonants) <= len(strays):
        groups = f"{_list(together)} and {_list(separate)}"
        return [f"The two states have not become vowels and consonants: {groups}."]
    sentences = [f"Vowels in one state: {_list(vowels)}. In the other: {_list(consonants)}."]
    if strays:
        sentences.append(
            f"Came out with the vowels, though none of {_list(VOWELS)}: {_list(strays)}."
        )
    if missing:
        sentences.append(f"Came out with the consonants: {_list(missing)}.")
    if " " in seen:
        sentences.append(
            f"The space went with the {'vowels' if ' ' in together else 'consonants'}."
        )
    return sentences


def _split(letters: list[str]) -> tuple[list[str], list[str]]:
    """Vowels and consonants."""
    vowels = [letter for letter in letters if letter in VOWELS]
    return vowels, [letter for letter in letters if letter not in VOWELS and letter != " "]


def _list(letters: Iterable[str]) -> str:
    return " ".join(letters)


# ---- the file --------------------------------------------------------------------------------------


def free_path(folder: Path) -> Path:
    """Where the generated module may go: into `folder`, unless that would overwrite somebody's file."""
    path = folder / _FILE_NAME
    if os.access(folder, os.W_OK) and (not path.exists() or _is_generated(path)):
        return path
    return Path(tempfile.mkdtemp(prefix="srcdiff_")) / _FILE_NAME


def _is_generated(path: Path) -> bool:
    """Whether srcdiff wrote the file, by its first line."""
    try:
        with path.open(encoding="utf-8") as file:
            return "srcdiff" in file.readline()
    except (OSError, UnicodeDecodeError):
        return False
