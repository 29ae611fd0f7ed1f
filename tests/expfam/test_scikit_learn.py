"""scikit-learn's own checks of estimators: all pass but those that are no sense of a sequence."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from srcdiff.expfam import HMM, IOHMM, LDS

checks = pytest.importorskip("sklearn.utils.estimator_checks", reason="needs the extra sklearn")

OF_SEQUENCES = {
    "check_methods_sample_order_invariance": "the rows of X are times: in another order they are another sequence",
    "check_methods_subset_invariance": "what a time says of a state depends on the times around it",
}
# IOHMM cannot be checked: it needs inputs, which the checks do not pass
ESTIMATORS: list[tuple[Any, dict[str, str]]] = [
    (LDS(1, max_iter=3, jit=False), OF_SEQUENCES),
    (
        HMM(2, "gaussian", max_iter=5, jit=False),
        {**OF_SEQUENCES, "check_fit1d": "a sequence of numbers is an array with one axis, as hmmlearn's is not"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("estimator", "excused"), ESTIMATORS, ids=lambda e: type(e).__name__)
def test_what_scikit_learn_checks_of_estimators_holds(
    estimator: Any, excused: dict[str, str]
) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimator .* does not inherit", UserWarning)
        found = checks.check_estimator(estimator, on_fail=None, on_skip=None)
    failed = {r["check_name"]: r["exception"] for r in found if r["status"] == "failed"}
    assert set(failed) == set(excused), failed
    assert len(found) > 35


def test_estimators_go_into_pipelines_and_clones() -> None:
    from sklearn.base import clone
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X = np.random.default_rng(0).normal(size=(40, 2))
    scaled = make_pipeline(StandardScaler(), HMM(2, "gaussian", max_iter=3, random_state=0, jit=False))  # fmt: skip
    assert scaled.fit(X).predict(X).shape == (40,)
    assert clone(IOHMM(3, "poisson", tol=0.5)).get_params() == IOHMM(3, "poisson", tol=0.5).get_params()  # fmt: skip
