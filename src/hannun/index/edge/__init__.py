"""Points and requests go in, Matches come out of a Qdrant Edge shard: one folder, in this process, no server.

`store` is the Engine; `binding` speaks the engine's language, `generations`, `frequencies`, `disk`, `integrity` and `format1` look after
its files.
"""

from hannun.index.edge.binding import filter_of as filter_of
from hannun.index.edge.binding import request_of as request_of
from hannun.index.edge.store import Edge as Edge
