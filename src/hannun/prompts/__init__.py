"""Prompts go in; the 77 states and the pooled vector that a picture model is conditioned on come out (needs the `[train]` extra)."""
