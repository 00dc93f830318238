"""Flyways: telemetry of cranes and spoonbills, stopovers, flyway routes and habitat use."""

import os

# Birds are worked on side by side: threads of a matrix product in each would only wait for each
# other, ten times as long as the product takes. Read once, when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

VERSION = "0.1.0"
"""Of the distribution and of the interface it serves; the README says how to cite it."""
