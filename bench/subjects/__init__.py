"""What is measured of this project, each module a process of its own: see `bench.measure`."""
