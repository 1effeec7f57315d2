"""Devices: which of them train, the workers of a run, what several of them need."""
