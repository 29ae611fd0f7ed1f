"""Checkpoints: files with everything that the next step of a fit depends on, so that a resumed fit gives the same
numbers.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from srcdiff.vi.model.pytree import Pytree, leaves, map_leaves


def save(path: Path, trees: Mapping[str, object], meta: Mapping[str, object]) -> None:
    """Write structures of numbers and arrays, and JSON metadata, atomically: the file is written whole
    or not at all.
    """
    arrays = {
        f"{name}_{k}": np.asarray(leaf)
        for name, tree in trees.items()
        for k, leaf in enumerate(leaves(tree))
    }
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    with beside.open("wb") as file:
        np.savez(file, **{"meta": np.array(json.dumps(meta)), **arrays})  # type: ignore[arg-type]
    os.replace(beside, path)


def load(
    path: Path, like: Mapping[str, object], fit: Mapping[str, object]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The saved structures, shaped like `like`, and the metadata.

    Parameters
    ----------
    fit : dict
        The value that the checkpoint's `meta["fit"]` must have.

    Raises
    ------
    ValueError
        The file is no checkpoint, or is the checkpoint of another fit; the message says what differs.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        meta = json.loads(str(found.pop("meta")))
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a checkpoint of a fit: {error}") from error
    for key, value in fit.items():
        if meta["fit"].get(key) != value:
            raise ValueError(
                f"{path} is the checkpoint of another fit: {key} was {meta['fit'].get(key)}, and is {value} now. "
                "Delete it to begin anew"
            )

    def restored(name: str, tree: Pytree) -> Pytree:
        places = iter(range(len(leaves(tree))))
        return map_leaves(lambda leaf: _like(leaf, found[f"{name}_{next(places)}"]), tree)

    return {name: restored(name, tree) for name, tree in like.items()}, meta


def _like(leaf: Pytree, value: np.ndarray) -> float | np.ndarray:
    """A saved value with the type of the original: a Python number if it was one."""
    return type(leaf)(value) if isinstance(leaf, int | float) and np.ndim(value) == 0 else value
