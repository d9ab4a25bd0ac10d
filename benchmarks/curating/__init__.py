"""What `benchmarks/curate.py` measures, a file for each thing: pictures, texts, personal data, profanity, pairs and scale."""
