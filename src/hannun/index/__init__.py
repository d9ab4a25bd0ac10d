"""Vectors and facts go in, ranked points come out: this room stores and queries, and knows nothing of text or pictures."""
