"""An item goes in; facts about it come out, each with a score and the version of the annotator that found it.

`annotator` declares the shape, `schema` reads what may be found from one editable file, `zero_shot` finds it by prompts, `trained` by small
heads over the embedded model's features (`looks`, `head`), `written` puts findings into facts and into a collection.
"""
