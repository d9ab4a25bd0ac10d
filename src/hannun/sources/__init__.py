"""Paths go in (folders, pictures, text files, tables of rows, PDFs, tar shards); Items, and Problems with reasons, come out.

`reading` walks the paths, `tables` gives the rows of every kind of table, `columns` makes items of them, `shard` reads tars,
`pdf` reads pages, `video` scenes, `frames` takes what is in memory, `roots` tells where a file lies as others are told it, `changes`
tells what has become of the files below a path since they were looked at.
"""

from hannun.facts import fact as fact
from hannun.facts import facts as facts
from hannun.item import PLACE as PLACE
from hannun.item import SOURCE as SOURCE
from hannun.sources.changes import Snapshot as Snapshot
from hannun.sources.changes import Stamp as Stamp
from hannun.sources.changes import changes as changes
from hannun.sources.changes import held as held
from hannun.sources.changes import lies_below as lies_below
from hannun.sources.changes import snapshot as snapshot
from hannun.sources.columns import Reading as Reading
from hannun.sources.columns import kept_facts as kept_facts
from hannun.sources.frames import contents as contents
from hannun.sources.frames import surveyed as surveyed
from hannun.sources.reading import TEXTS as TEXTS
from hannun.sources.reading import Survey as Survey
from hannun.sources.reading import changed as changed
from hannun.sources.reading import count as count
from hannun.sources.reading import files as files
from hannun.sources.reading import read as read
from hannun.sources.reading import survey as survey
from hannun.sources.roots import FLAT as FLAT
from hannun.sources.roots import Rooted as Rooted
from hannun.sources.roots import Roots as Roots
from hannun.sources.roots import bound as bound
from hannun.sources.roots import covers as covers
from hannun.sources.roots import free_name as free_name
from hannun.sources.roots import fresh as fresh
from hannun.sources.roots import holds as holds
from hannun.sources.roots import learnt as learnt
from hannun.sources.roots import on_disk as on_disk
from hannun.sources.roots import placed as placed
from hannun.sources.tables import TABLES as TABLES
from hannun.sources.tables import decode_text as decode_text
from hannun.sources.tables import rows as rows
