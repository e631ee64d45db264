"""The front end: from ONNX to the `nn` dialect."""
