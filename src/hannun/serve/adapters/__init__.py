"""Hannun goes in, what other frameworks expect comes out: one small module for each, imported only by those who have that framework."""
