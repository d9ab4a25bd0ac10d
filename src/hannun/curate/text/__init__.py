"""Titles and queries go in; cleaned texts, or named reasons to drop them, come out."""
