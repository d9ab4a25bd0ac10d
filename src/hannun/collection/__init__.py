"""Rows go in, hits come out: `open` gives a Collection, one place that holds vectors, words, texts and facts.

`protocol` declares what every collection can do. `local` keeps one in a folder or on a Qdrant server, `remote` asks a Hannun service for
one; `opening` tells by its address which it is.
"""

from hannun.collection.backup import restore as restore
from hannun.collection.integrity import check as check
from hannun.collection.opening import open as open
from hannun.collection.opening import read_settings as read_settings
from hannun.collection.protocol import Collection as Collection
from hannun.collection.records import Checked as Checked
from hannun.collection.records import Compacted as Compacted
from hannun.collection.records import Contents as Contents
from hannun.collection.records import Map as Map
from hannun.collection.records import Progress as Progress
from hannun.collection.records import Report as Report
from hannun.collection.settings import Quantise as Quantise
from hannun.collection.settings import Settings as Settings
from hannun.search.hits import Hit as Hit
from hannun.search.hits import Why as Why
from hannun.search.query import asked as asked
from hannun.search.query import needs as needs
