"""Benchmarks: accuracy on public incidents, quiet windows, wrong knowledge, speed."""
