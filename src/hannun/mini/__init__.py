"""The embedded model: Korean and English texts and pictures go in, 384-d vectors of one space come out, offline and without torch.

`model.py` is the encoder, `text.py` and `image.py` its towers, `classes.py` the class names; the `export_*.py` scripts make the weights.
"""
