"""PostgreSQL and Azurite on this machine, for development, demonstration and tests: never a part of a deployment."""
