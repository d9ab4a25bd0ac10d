"""Signals of wearables go in; what they are called, what they say in words, and whether words about them are true come out.

`channels` names what is measured, `form` makes the paper's table of a day of it, `statistics`, `structure` and `episodes` find facts,
`templates` and `captions` say them in Korean and English, `checking` verifies words against the signal. Nothing here reads a file: that
is done in `hannun.sources.signals`.
"""
