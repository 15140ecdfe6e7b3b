"""The columns the compiled loop fills."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Answers(NamedTuple):
    """What happened to each request; arrays of shape ``(requests,)``, times in seconds."""

    arrival: npt.NDArray[np.float64]
    start: npt.NDArray[np.float64]
    finish: npt.NDArray[np.float64]
    held: npt.NDArray[np.float64]
    worker: npt.NDArray[np.int32]
    option: npt.NDArray[np.int16]
    donor: npt.NDArray[np.int32]
    quanta: npt.NDArray[np.int16]
    load_s: npt.NDArray[np.float64]
    denoise_s: npt.NDArray[np.float64]


def no_answers(requests: int) -> Answers:
    """Return the columns before anything happened; no request has a start."""
    return Answers(
        arrival=np.zeros(requests),
        start=np.full(requests, np.nan),
        finish=np.zeros(requests),
        held=np.zeros(requests),
        worker=np.full(requests, -1, np.int32),
        option=np.zeros(requests, np.int16),
        donor=np.full(requests, -1, np.int32),
        quanta=np.zeros(requests, np.int16),
        load_s=np.zeros(requests),
        denoise_s=np.zeros(requests),
    )
