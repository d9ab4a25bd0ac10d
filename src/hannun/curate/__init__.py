"""Raw image–text records go in; clean Korean pairs in tar shards, and a ledger of what was dropped and why, come out.

`run.py` is the way through; `rules.py` says which filters in which order, and a recipe (`hannun.recipes.naver_pairs`) fills in the numbers.
"""
