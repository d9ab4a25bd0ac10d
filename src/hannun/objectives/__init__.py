"""Objectives: tensors go in, one scalar comes out. They know no device, path or model; what they need is handed to them."""
