"""The data folder goes in; training pairs and tests come out, by what they are: what several recipes share."""
