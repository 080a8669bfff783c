"""What is measured of others, each module a process in their environment: see `bench.measure`."""
