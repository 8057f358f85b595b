"""The command `destination`: what operators do with a deployed stack, from a terminal or a pipeline."""
