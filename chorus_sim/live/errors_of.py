"""How far predicted seconds lie from measured ones: over the workload, and request by request."""

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

#: Percentiles of a workload that are compared.
PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0}


def figures(values: FloatArray) -> dict[str, float]:
    """Return mean and percentiles."""
    points = np.percentile(values, list(PERCENTILES.values())).tolist()
    return {"mean": float(values.mean()), **dict(zip(PERCENTILES, points, strict=True))}


def relative(predicted: float, measured: float) -> float | None:
    """Return the error as a share of what was measured, ``None`` where that is 0."""
    return (predicted - measured) / measured if measured else None


def beside(predicted: dict[str, float], measured: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Return figures of both with the error of each."""
    return {
        name: {
            "predicted": predicted[name],
            "measured": measured[name],
            "error": relative(predicted[name], measured[name]),
        }
        for name in measured
    }


def by_request(predicted: FloatArray, measured: FloatArray) -> dict[str, float | None]:
    """Return errors of single requests.

    ``mape`` is the mean of absolute errors as shares of the measured seconds, ``median_ape`` their
    median, ``bias`` the mean signed error as a share of the measured mean. Requests that took no
    time are left out of the first two.
    """
    errors = predicted - measured
    some = measured > 0
    shares = np.abs(errors[some]) / measured[some]
    return {
        "mape": float(shares.mean()) if some.any() else None,
        "median_ape": float(np.median(shares)) if some.any() else None,
        "bias": relative(float(predicted.mean()), float(measured.mean())),
        "mean_error_s": float(errors.mean()),
    }
