"""Examples that hypothesis draws are judged by what they show, not by how long they take.

A shell that runs the tests in the background has them ignore interrupts, and so has every program
they start; the tests that interrupt one want it as a user's terminal would start it.
"""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

signal.signal(signal.SIGINT, signal.default_int_handler)
