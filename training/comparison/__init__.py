"""Runs compared: what differs between their options, and what came of them."""
