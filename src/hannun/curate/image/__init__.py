"""Pictures go in; what is measured on them (size, whiteness, hashes, text boxes, watermarks) comes out as plain figures."""
