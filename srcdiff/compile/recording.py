"""Pass recorders by environment variables: SRCDIFF_VERIFY checks the IR, SRCDIFF_VALIDATE the values."""

from __future__ import annotations

import os
from typing import Any

from srcdiff.transforms.passes import Recorder, Validates


def new_recorder(keep_text: bool = False, shared: dict[Any, Any] | None = None) -> Recorder:
    verified = bool(os.environ.get("SRCDIFF_VERIFY"))
    return Recorder(keep_text, verified, {} if shared is None else shared, validator=_validator())


def _validator() -> Validates | None:
    if os.environ.get("SRCDIFF_VALIDATE", "0") in ("", "0"):
        return None
    from srcdiff.transforms.validation.validate import Validator  # only tests validate

    return Validator()
