"""A trained model goes in; what other programs read of it comes out: stock sentence-transformers folders, ONNX files."""
