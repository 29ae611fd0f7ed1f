"""MNIST's files: read whole, or refused with what is wrong."""

import gzip
import struct

import numpy as np
import pytest

from srcdiff import vi


def write(path, content, packed=False):
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def idx(array, code):
    big = np.asarray(array).astype(np.asarray(array).dtype.newbyteorder(">"))
    header = struct.pack(f">HBB{big.ndim}I", 0, code, big.ndim, *big.shape)
    return header + big.tobytes()


@pytest.mark.parametrize("packed", [False, True])
def test_images_and_labels(tmp_path, packed) -> None:
    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    labels = np.array([7, 2], np.uint8)
    for k, array in enumerate((images, labels)):
        found = vi.read_idx(write(tmp_path / f"{k}-ubyte", idx(array, 8), packed))
        assert found.dtype == np.uint8
        assert found.flags.writeable
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("code", "dtype"), [(0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")]
)
def test_other_numbers(tmp_path, code, dtype) -> None:
    array = np.array([[1, -2, 3], [-100, 5, 6]], dtype)
    found = vi.read_idx(write(tmp_path / "numbers", idx(array, code)))
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, array)


GOOD = idx(np.zeros((2, 3), np.uint8), 8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no IDX file.*begins with nothing"),
        (b"\x89PNG....", "no IDX file.*begins with 89 50 4e 47"),
        (b"\0\0\x07\x01" + b"\0" * 8, "no IDX file.*begins with 00 00 07 01"),
        (GOOD[:9], "cut off in its header: 2 axes take 12 bytes, and it has 9"),
        (GOOD[:-1], r"cut off: numbers of shape \(2, 3\) make a file of 18 bytes, and it has 17"),
        (GOOD + b"!", "goes on behind its data: .* 18 bytes, and it has 19"),
        (gzip.compress(GOOD)[:-9], "compressed file is cut off or damaged"),
        (gzip.compress(GOOD)[:12] + b"\xff" * 20, "compressed file is cut off or damaged"),
    ],
    ids=[
        "empty",
        "png",
        "dtype",
        "header",
        "short",
        "long",
        "packed and short",
        "packed and damaged",
    ],
)
def test_files_that_are_none(tmp_path, content, message) -> None:
    file = write(tmp_path / "train-images-idx3-ubyte", content)
    with pytest.raises(ValueError, match=f"train-images-idx3-ubyte: .*{message}"):
        vi.read_idx(file)
