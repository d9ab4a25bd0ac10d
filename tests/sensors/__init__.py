"""Signals of wearables: facts, words, and whether words hold."""
