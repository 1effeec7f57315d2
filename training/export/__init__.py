"""Networks as files for a server or a phone: from a photograph to probabilities.

command      convbook export, as the command line has it
fastest      which runtime was measured to be fastest
endpoint     preparation, network, probabilities as one function
int8         the same as a LiteRT file in 8 bits
formats      that function as a SavedModel, a LiteRT or an ONNX file
"""

__all__ = ["command", "endpoint", "fastest", "formats", "int8"]
