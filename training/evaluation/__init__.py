"""Trained networks: evaluated by a protocol, asked for what they see, compared run by run."""
