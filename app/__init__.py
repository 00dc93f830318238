"""Flyways: telemetry of cranes and spoonbills, stopovers, flyway routes and habitat use."""

__version__ = "0.1.0"
