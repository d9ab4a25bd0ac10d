"""Backbones: what the networks of this room are built on, as real transformers classes."""
