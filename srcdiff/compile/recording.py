"""Pass recorders by environment variables: SRCDIFF_VERIFY checks the IR, SRCDIFF_VALIDATE the values."""

from __future__ import annotations

import os
from typing import Any

from srcdiff.transforms.passes import Recorder


def new_recorder(keep_text: bool = False, shared: dict[Any, Any] | None = None) -> Recorder:
    """A recorder; the NumPy form and the loop form of a program share one validator."""
    shared = {} if shared is None else shared
    if "validator" not in shared and os.environ.get("SRCDIFF_VALIDATE", "0") not in ("", "0"):
        from srcdiff.transforms.validation.validate import Validator  # only tests validate

        shared["validator"] = Validator()
    verified = bool(os.environ.get("SRCDIFF_VERIFY"))
    return Recorder(keep_text, verified, shared, validator=shared.get("validator"))
