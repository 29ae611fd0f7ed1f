"""What stands side by side in the table: hand-written, srcdiff in its forms, and the peers that are installed."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any

from benchmarks.peers import PEERS, Pair

HAND = "hand"


def problem_named(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.problems.{name}")


def titles(name: str, peers: list[str]) -> list[tuple[str, str]]:
    """(source, title) for each column; the source is what `build` needs to know beside the title."""
    problem = problem_named(name)
    found = [("hand", HAND), *(("hand", title) for title in getattr(problem, "OTHERS", {}))]
    forms = [("objective", ""), ("loops", ", loop source")]
    if hasattr(problem, "MODES"):  # derivatives inside of what is differentiated
        forms = [(f"objective {modes}", f", {modes}") for modes in problem.MODES]
    for form, suffix in forms:
        if hasattr(problem, form.split()[0]):
            found += [(f"srcdiff {form}", f"srcdiff ({kind}){suffix}") for kind in ("NumPy", "compiled")]  # fmt: skip
    for peer in peers:
        found += [(peer, title) for title in PEER_TITLES.get((peer, name), ())]
    return found


# Known without importing the peer: the table is planned in one process and measured in others.
ALL = (
    "hmm", "gmm", "ba", "lstm", "llsq", "lse", "ode", "elbo", "vae", "heat", "nbody", "mlp", "rnn", "square_sine",
    "rosenbrock", "kmeans", "hand", "det", "particle", "saddle",
)  # fmt: skip
PEER_TITLES: dict[tuple[str, str], tuple[str, ...]] = {
    **{("jax", name): ("JAX",) for name in ALL},
    ("jax", "hmm"): ("JAX", "JAX, scaled"),
    **{("torch", name): ("PyTorch",) for name in ALL},
    **{("autograd", name): ("autograd",) for name in ALL if name != "hand"},
    **{("casadi", n): ("CasADi",) for n in ("hmm", "gmm", "ba", "square_sine", "rosenbrock")},
    **{("pytensor", n): ("PyTensor",) for n in ("hmm", "gmm", "square_sine", "rosenbrock")},
    ("hmmlearn", "hmm"): ("hmmlearn, log", "hmmlearn, scaling"),
    ("dynamax", "hmm"): ("dynamax",),
}


def missing(peers: list[str]) -> list[str]:
    return [p for p in peers if importlib.util.find_spec(p) is None]


def build(source: str, title: str, name: str, args: tuple[Any, ...]) -> Pair:
    problem = problem_named(name)
    if source == "hand":
        if title != HAND:
            return None, lambda: problem.OTHERS[title](*args)
        return lambda: problem.hand_value(*args), lambda: problem.hand(*args)
    if source.startswith("srcdiff "):
        return _srcdiff(problem, source.removeprefix("srcdiff "), "(compiled)" in title, args)
    versions = importlib.import_module(f"benchmarks.peers.{PEERS[source]}")
    pair: Pair = versions.columns(name, problem, args)[title]
    return pair


def _srcdiff(problem: ModuleType, form: str, compiled: bool, args: tuple[Any, ...]) -> Pair:
    import numba  # here, because peers' processes are measured without it

    import srcdiff  # likewise

    form, *modes = form.split()
    function = getattr(problem, form)
    if hasattr(problem, "srcdiff_gradient"):
        gradient = problem.srcdiff_gradient(srcdiff, function, *modes, jit=compiled)
    else:
        gradient = srcdiff.value_and_grad(function, argnums=problem.WRT, jit=compiled)
    plain = numba.njit(function) if compiled and form == "loops" else function
    return lambda: plain(*args), lambda: gradient(*args)
