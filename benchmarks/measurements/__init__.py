"""The benchmarks: a file each, with OPTIONS and run, which yields the rows."""
