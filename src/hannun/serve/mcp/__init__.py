"""A collection goes in; agents can search it, find what is similar, add to it and tag it, over the Model Context Protocol."""
