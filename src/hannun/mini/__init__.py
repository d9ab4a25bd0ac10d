"""The embedded model: Korean and English texts and pictures go in, 384-d vectors of one space come out, offline and without torch.

`model.py` is the encoder, `text.py` and `image.py` its towers, `classes.py` the class names; `export_text.py` makes the
text tower's frozen body and `hannun.recipes.mini` trains and exports both towers (`make mini`).
"""
