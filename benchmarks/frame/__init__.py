"""What all benchmarks share: pairs of times, the best batch, the chip's limits, kept results."""
