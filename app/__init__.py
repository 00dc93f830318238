"""Flyways: telemetry of cranes and spoonbills, stopovers, flyway routes and habitat use."""

VERSION = "0.1.0"
"""Of the distribution and of the interface it serves; the README says how to cite it."""
