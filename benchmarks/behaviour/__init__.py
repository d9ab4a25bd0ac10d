"""Peers of the user model: SASRec and BPR-MF."""
