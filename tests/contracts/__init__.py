"""One suite per protocol; a new implementation is one parameter line."""
