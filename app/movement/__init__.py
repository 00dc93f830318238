"""The science: arrays in, frozen dataclasses out; no I/O, clock, settings or logging."""
