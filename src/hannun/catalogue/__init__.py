"""Nothing (or a count and a seed) goes in; a drawn catalogue comes out: pictures with Korean titles, facts and a fixed split.

Hannun draws its own demo and test set with Pillow: garments, everyday objects and Korean documents. The same entry gives the
same pixels on every run. What is held out for testing (combinations of garment, colour and pattern, some objects' colours,
documents, backgrounds and poses) is fixed in `splits.json`, and `training_entries` never draws any of it.
"""

from hannun.catalogue.entry import Entry, entries, garment, page, picture, thing, training_entries
from hannun.catalogue.folder import write
from hannun.catalogue.palette import COLOURS, PATTERNS, Colour
from hannun.catalogue.split import Product, held_out, products, splits

__all__ = [
    "COLOURS",
    "PATTERNS",
    "Colour",
    "Entry",
    "Product",
    "entries",
    "garment",
    "held_out",
    "page",
    "picture",
    "products",
    "splits",
    "thing",
    "training_entries",
    "write",
]
