"""Training: data and a recipe go in, checkpoints come out. Needs the `[train]` extra (torch, accelerate)."""
