"""What `benchmarks/service.py` draws, and its client."""
