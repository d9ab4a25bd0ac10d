"""Histories of behaviour go in, one vector of each user comes out: `cover` merges old events, `network` is the Transformer."""
