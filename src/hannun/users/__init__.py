"""Behaviour logs go in; training windows, vectors of users, their daily increments and their drift come out."""
