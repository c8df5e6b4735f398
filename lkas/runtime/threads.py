"""Limits the numeric libraries to one thread per process, so that the processes do not compete for the cores.

BLAS and OpenCV with their default threads turned 2 ms into 144 ms on a small machine.
"""

import os

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


def use_one_thread() -> None:
    """Limit the libraries to one thread unless the user has set another number. Call it before NumPy is imported."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")
