"""Checkpoints go in, Encoders come out: networks named by mechanism, and the loading of any of them by path or hub id."""
