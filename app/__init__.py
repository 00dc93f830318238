"""Flyways: telemetry of cranes and spoonbills, stopovers, flyway routes and habitat use."""
