"""Rules about the resources of a stack, each with the source that says so. `pack.ALL_RULES` has them all."""
