"""What the recipe `mini` reads and builds on: pictures with fixed splits, sentences, word tables, the frozen backbone."""
