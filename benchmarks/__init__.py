"""Measurements of speed and memory; each is a module to run."""
