"""Pictures and texts go in as patches and tokens of one Transformer; one vector for each, in one space, comes out."""
