"""srcdiff as a tool of GradBench, which requests values and gradients by JSON, one message a line:

    gradbench run --eval '...' --tool 'python benchmarks/gradbench_tool.py'

It answers `define` for the modules in `MODULES`, `evaluate` with the output and the time of each run, and everything
else with the message's id alone. What comes in is converted to arrays before the clock starts. Where srcdiff refuses a
problem's array source, its loop source is differentiated.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import argparse
import functools
import json
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

import srcdiff
from benchmarks import one_core  # noqa: F401  before NumPy
from benchmarks.problems import ba, det, gmm, hand, kmeans, llsq, lse, lstm, ode, particle, saddle

Json = Any


@dataclass(frozen=True)
class Function:
    """`read` makes the arguments, `run` is timed, `write` makes what is sent back."""

    read: Callable[[Json], tuple[Any, ...]]
    run: Callable[..., Any]
    write: Callable[[Any], Json]


def gradient(problem: Any, name: str = "objective") -> Callable[..., Any]:
    """The gradient of the problem's array source, or of its loop source; made for the first call."""
    forms = [getattr(problem, form) for form in (name, "loops") if hasattr(problem, form)]

    @functools.cache
    def chosen(form: Callable[..., Any]) -> Callable[..., Any]:
        if hasattr(problem, "srcdiff_gradient"):
            return problem.srcdiff_gradient(srcdiff, form)  # type: ignore[no-any-return]
        return srcdiff.value_and_grad(form, argnums=problem.WRT)

    def run(*args: Any) -> Any:
        while True:
            try:
                return chosen(forms[0])(*args)[1]
            except srcdiff.UnsupportedError:
                if len(forms) == 1:
                    raise
                del forms[0]

    return run


def listed(arrays: Any) -> Json:
    return np.asarray(arrays).tolist()


def one_array(message: Json) -> tuple[Any, ...]:
    return (np.asarray(message["x"], dtype=float),)


# gmm


def read_gmm(message: Json) -> tuple[Any, ...]:
    k, d = message["k"], message["d"]
    alpha, mu, q, l, x = (np.asarray(message[n], dtype=float) for n in ("alpha", "mu", "q", "l", "x"))  # fmt: skip
    l = l.reshape(k, d * (d - 1) // 2)
    return alpha, mu, q, l, x, float(message["gamma"]), int(message["m"])


def write_gmm(parts: Any) -> Json:
    return {name: listed(part) for name, part in zip(("alpha", "mu", "q", "l"), parts, strict=True)}


# ba


def read_ba(message: Json) -> tuple[Any, ...]:
    """One camera, point, weight and feature, repeated; that they are the same is not made use of."""
    p = message["p"]
    camera, point, feature = (np.tile(message[n], (p, 1)).astype(float) for n in ("cam", "x", "feat"))  # fmt: skip
    return camera, point, np.full(p, float(message["w"])), feature, message["n"], message["m"]


def weight_errors(weights: Any) -> Any:
    return 1.0 - weights**2


def ba_objective(*args: Any) -> tuple[Any, Any]:
    return ba.objective(*args[:4]), weight_errors(args[2])


def write_ba_objective(errors: tuple[Any, Any]) -> Json:
    """In the short form that other tools use: all observations are the same."""
    return {
        "reproj_error": {"elements": listed(errors[0][0]), "repeated": len(errors[0])},
        "w_err": {"element": float(errors[1][0]), "repeated": len(errors[1])},
    }


BA_BLOCKS = gradient(ba)
WEIGHT_SLOPES = srcdiff.grad(
    lambda weights: np.sum(weight_errors(weights))
)  # elementwise, so a sum shows all


def ba_jacobian(cameras: Any, points: Any, weights: Any, features: Any, n: int, m: int) -> Any:
    """Row pointers, columns and values of the sparse Jacobian: two rows an observation, then one a weight."""
    blocks = BA_BLOCKS(cameras, points, weights, features)
    at = np.arange(len(weights))[:, None]
    of_camera = 11 * (at % n) + np.arange(11)
    of_point = 11 * n + 3 * (at % m) + np.arange(3)
    of_weight = 11 * n + 3 * m + at
    columns = np.concatenate((of_camera, of_point, of_weight), axis=1)
    counts = np.concatenate((np.full(2 * len(weights), 15), np.ones(len(weights), dtype=int)))
    return (
        np.concatenate(([0], np.cumsum(counts))),
        np.concatenate((np.repeat(columns, 2, axis=0).ravel(), of_weight.ravel())),
        np.concatenate((blocks.ravel(), WEIGHT_SLOPES(weights))),
    )


def write_ba_jacobian(parts: Any) -> Json:
    """Of each list the first thirty numbers and the last: the protocol wants no more."""
    return {
        name: [*listed(part[:30]), listed(part[-1])]
        for name, part in zip(("rows", "cols", "vals"), parts, strict=True)
    }


# lstm, llsq, lse, ode


def read_lstm(message: Json) -> tuple[Any, ...]:
    names = "main_params", "extra_params", "state", "sequence"
    return tuple(np.asarray(message[n], dtype=float) for n in names)


def write_lstm(parts: Any) -> Json:
    return listed(np.concatenate([part.ravel() for part in parts]))


def read_llsq(message: Json) -> tuple[Any, ...]:
    return (*one_array(message), int(message["n"]))


def read_ode(message: Json) -> tuple[Any, ...]:
    return (*one_array(message), int(message["s"]))


def last_of_ode(x: Any, s: int) -> Any:
    return ode.solve(x, s)[-1]


def square(x: float) -> float:
    return x * x


def read_number(message: Json) -> tuple[float]:
    return (float(message),)


# kmeans, det, ht


def read_kmeans(message: Json) -> tuple[Any, ...]:
    return tuple(np.asarray(message[n], dtype=float) for n in ("points", "centroids"))


def read_det(message: Json) -> tuple[Any, ...]:
    n = message["ell"]
    return np.asarray(message["A"], dtype=float).reshape(n, n), n


def read_ht(message: Json) -> tuple[Any, ...]:
    """The correspondences are vertices, or triangles where there are coordinates in those."""
    data, model = message["data"], message["data"]["model"]
    names = "base_relatives", "inverse_base_absolutes", "base_positions", "weights"
    arrays = (np.asarray(model[n], dtype=float) for n in names)
    parts = (np.asarray(model["parents"]), *arrays, bool(model["is_mirrored"]))
    theta, points = (np.asarray(a, dtype=float) for a in (message["theta"], data["points"]))
    us = np.asarray(message["us"], dtype=float).reshape(-1, 2)
    places = np.asarray(data["correspondences"])
    triangles = np.asarray(model["triangles"])[places] if len(us) else np.zeros((0, 3), dtype=int)
    return theta, us, parts, places, triangles, points


def ht_objective(theta: Any, us: Any, model: Any, places: Any, triangles: Any, points: Any) -> Any:
    if len(us):
        return hand.complicated(theta, us, model, triangles, points)
    return hand.simple(theta, model, places, points)


# particle, saddle: a function for each pair of modes


def nested(problem: Any, read: Callable[[Json], tuple[Any, ...]]) -> dict[str, Function]:
    made = functools.cache(problem.solver)
    return {
        modes: Function(read, lambda start, modes=modes: made(srcdiff, modes)(start), listed)
        for modes in ("ff", "fr", "rf", "rr")
    }


MODULES: dict[str, dict[str, Function]] = {
    "hello": {
        "square": Function(read_number, square, float),
        "double": Function(read_number, srcdiff.grad(square), float),
    },
    "gmm": {
        "objective": Function(read_gmm, gmm.objective, float),
        "jacobian": Function(read_gmm, gradient(gmm), write_gmm),
    },
    "ba": {
        "objective": Function(read_ba, ba_objective, write_ba_objective),
        "jacobian": Function(read_ba, ba_jacobian, write_ba_jacobian),
    },
    "lstm": {
        "objective": Function(read_lstm, lstm.objective, float),
        "jacobian": Function(read_lstm, gradient(lstm), write_lstm),
    },
    "llsq": {
        "primal": Function(read_llsq, llsq.objective, float),
        "gradient": Function(read_llsq, gradient(llsq), listed),
    },
    "lse": {
        "primal": Function(one_array, lse.objective, float),
        "gradient": Function(one_array, gradient(lse), listed),
    },
    "ode": {
        "primal": Function(read_ode, ode.solve, listed),
        "gradient": Function(read_ode, srcdiff.grad(last_of_ode), listed),
    },
    "kmeans": {
        "cost": Function(read_kmeans, kmeans.objective, float),
        "dir": Function(read_kmeans, kmeans.direction_of(srcdiff), listed),
    },
    "det": {
        "primal": Function(read_det, det.objective, float),
        "gradient": Function(read_det, srcdiff.grad(det.objective), lambda d: listed(np.ravel(d))),
    },
    "ht": {
        "objective": Function(read_ht, ht_objective, listed),
        "jacobian": Function(read_ht, hand.jacobians(srcdiff), listed),
    },
    "particle": nested(particle, lambda message: (float(message["w"]),)),
    "saddle": nested(saddle, lambda message: (np.asarray(message["start"], dtype=float),)),
}


def evaluate(function: Function, message: Json) -> dict[str, Any]:
    """Runs it as often, and as long, as the message requests; once by default."""
    args = function.read(message)
    asked = message if isinstance(message, dict) else {}
    runs, seconds = asked.get("min_runs", 1), asked.get("min_seconds", 0.0)
    timings: list[dict[str, Any]] = []
    total = 0
    while len(timings) < max(runs, 1) or total < 1e9 * seconds:
        start = time.perf_counter_ns()
        result = function.run(*args)
        taken = time.perf_counter_ns() - start
        timings.append({"name": "evaluate", "nanoseconds": taken})
        total += taken
    return {"success": True, "output": function.write(result), "timings": timings}


def respond(message: Json) -> dict[str, Any]:
    kind = message["kind"]
    if kind == "start":
        return {"tool": "srcdiff"}
    if kind == "define":
        if message["module"] in MODULES:
            return {"success": True}
        return {"success": False, "error": f"no module named {message['module']!r}"}
    if kind == "evaluate":
        try:
            return evaluate(MODULES[message["module"]][message["function"]], message["input"])
        except Exception as error:  # the session continues, and the other side gets the error
            return {"success": False, "error": "".join(traceback.format_exception(error))}
    return {}


def serve(lines: IO[str], answers: IO[str]) -> None:
    for line in lines:
        if line.strip():
            message = json.loads(line)
            print(json.dumps({"id": message["id"], **respond(message)}), file=answers, flush=True)


def main() -> None:
    raw = argparse.RawTextHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=raw).parse_args()
    serve(sys.stdin, sys.stdout)


if __name__ == "__main__":
    main()
