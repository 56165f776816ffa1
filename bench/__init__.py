"""Benchmarks: each prints ratios against a stated alternative from the same run."""
