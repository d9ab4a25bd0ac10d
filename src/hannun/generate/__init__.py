"""Words, and pictures where one is to be changed, go in; drawn pictures, each with how it was made, come out."""
