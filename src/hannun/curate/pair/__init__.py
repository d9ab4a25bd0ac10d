"""Pairs of picture and text go in; how well they agree, and which of them are one picture, comes out."""
