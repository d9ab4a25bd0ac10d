"""Batches go in, named losses come out: what one update of a training is."""
