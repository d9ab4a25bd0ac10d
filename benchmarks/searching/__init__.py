"""What `benchmarks/search.py` draws, how it times, and its peers."""
