"""A reader of files in the IDX format, such as MNIST's `train-images-idx3-ubyte.gz`."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> np.ndarray:
    """The array of an IDX file; a gzip file is decompressed.

    Parameters
    ----------
    path : path

    Returns
    -------
    array
        The shape and dtype are those in the file: uint8 (n, 28, 28) for MNIST's images, uint8 (n,) for its labels.

    Raises
    ------
    ValueError
        Another kind of file, or one that is too short or too long; the message says what was expected and found.

    References
    ----------
    LeCun, Cortes and Burges, The MNIST database of handwritten digits: the format is at the end of its page.
    """
    path = Path(path)
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(
                f"{path}: the compressed file is cut off or damaged ({error}); fetch it again"
            ) from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise ValueError(
            f"{path}: no IDX file. It has to begin with two bytes 0, one for the type of the numbers (08, 09, 0b, 0c, "
            f"0d or 0e) and one for how many axes there are; it begins with {content[:4].hex(' ') or 'nothing'}"
        )
    axes = content[3]
    header = 4 + 4 * axes
    if len(content) < header:
        raise ValueError(
            f"{path}: cut off in its header: {axes} axes take {header} bytes, and it has {len(content)}"
        )
    shape = tuple(np.frombuffer(content, ">u4", axes, offset=4).tolist())
    kind = np.dtype(_TYPES[content[2]])
    expected = header + math.prod(shape) * kind.itemsize
    if len(content) != expected:
        what = "cut off" if len(content) < expected else "goes on behind its data"
        raise ValueError(
            f"{path}: {what}: numbers of shape {shape} make a file of {expected} bytes, and it has {len(content)}"
        )
    found = np.frombuffer(content, kind, math.prod(shape), offset=header).reshape(shape)
    return found.astype(kind.newbyteorder("="))
