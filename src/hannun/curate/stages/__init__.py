"""A plan and the name of a task go in; the task's files, and what it counted, come out: the stages of a run, each a pure map over tasks.

scan → (fetch) → look → (link → join) → group → near → finish. A task's tally is written last: where it is there, the task is done.
"""
