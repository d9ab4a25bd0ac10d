"""Pictures or signals and their texts go in, vectors of both and captions come out: contrast and captioning in one network."""
