"""Attributes, titles and queries go in; the sentences and tagged texts that models are trained with come out."""
