"""How the embedded model `mini` is made: features and text vectors kept, towers, the training step, measuring, export."""
