"""Hannun (한눈): raw image–text pairs go in, a served Korean multimodal search comes out.

import hannun
shop = hannun.open("shop.hannun")
shop.add([{"id": "1", "text": "빨간 원피스", "image": "a.jpg"}])
shop.search("붉은 드레스")
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hannun.collection import Collection as Collection
    from hannun.collection import open as open
    from hannun.embeddings import Embeddings as Embeddings
    from hannun.encoder import Encoder as Encoder
    from hannun.errors import HannunError as HannunError
    from hannun.item import Item as Item
    from hannun.item import Pair as Pair
    from hannun.load import load as load

__version__ = "0.1.0"
__all__ = ["Collection", "Embeddings", "Encoder", "HannunError", "Item", "Pair", "load", "open"]

_HOMES = {"Collection": "collection", "open": "collection", "Embeddings": "embeddings", "Encoder": "encoder", "HannunError": "errors"}
_HOMES |= {"Item": "item", "Pair": "item", "load": "load"}


class _House(types.ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        # Python hangs an imported module on its package: `hannun.load` would be the module, not the function, from then on.
        if not (name in __all__ and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _House


def __getattr__(name: str) -> object:
    # Importing does nothing: each public name brings its module when it is first used.
    if name not in _HOMES:
        raise AttributeError(f"module 'hannun' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hannun.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__", "__doc__", "__name__", "__path__", "__file__"]
