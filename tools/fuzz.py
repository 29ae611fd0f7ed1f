"""Random programs, tried in every mode.

    python tools/fuzz.py --seed N --count M [--compiled] [--every] [--shrink] [--metamorphic]

Programs N to N + M - 1 are tried as NumPy (`--compiled`: as machine code too). What is found is printed, with
`--shrink` as a program of a few lines, and a summary line last. `SRCDIFF_VALIDATE=1` compares each pass with the
reference evaluator, too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

os.environ["SRCDIFF_JIT"] = "0"
os.environ.setdefault("SRCDIFF_CACHE", tempfile.mkdtemp(prefix="srcdiff-fuzz-"))
sys.path[0] = str(
    Path(__file__).parent.parent / "tests"
)  # not this folder: the package `fuzz` is there

from fuzz.check import outcome  # noqa: E402 - found by the path above
from fuzz.generate import program  # noqa: E402 - found by the path above
from fuzz.metamorphic import changed  # noqa: E402 - found by the path above
from fuzz.program import Program  # noqa: E402 - found by the path above
from fuzz.shrink import shrunk, signature  # noqa: E402 - found by the path above


def tried(p: Program, options: argparse.Namespace) -> tuple[str, str]:
    """What came of a program: a kind, and a reason."""
    found = outcome(p, options.compiled, options.every)
    if found.kind in ("ok", "untyped") and options.metamorphic:
        found = changed(p)
    return found.kind, found.reason


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    for flag in ("compiled", "every", "shrink", "metamorphic"):
        parser.add_argument(f"--{flag}", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    kinds: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    seen: set[str] = set()
    start = time.process_time()
    spent = 0.0  # in shrinking
    for seed in range(options.seed, options.seed + options.count):
        p = program(seed)
        kind, reason = tried(p, options)
        kinds[kind] += 1
        reasons[f"{kind}: {reason}" if kind in ("untyped", "refused", "known") else ""] += 1
        if kind != "failed":
            continue
        begun = time.process_time()
        if options.shrink and signature(reason) not in seen:
            p = shrunk(p, lambda q: tried(q, options)[1])
        seen.add(signature(reason))
        print(f"seed {seed}: {reason}\n{p.text}\n{p.args}\n", flush=True)
        spent += time.process_time() - begun
    for reason, count in reasons.most_common():
        if reason:
            print(f"{count:6d}  {reason}")
    each = (time.process_time() - start - spent) / options.count * 1e3
    print(f"{options.count} programs: {dict(kinds)}; {each:.0f} ms of processor time a program")
    return 1 if kinds["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
