"""How good a model is, by the protocol, and whether it may rank."""
