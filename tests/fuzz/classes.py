"""Classes of arguments of random programs."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass
class Params:
    """Parameters as an object."""

    w: Any
    c: float
