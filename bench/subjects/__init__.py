"""What is measured of this project; each call is a process of its own: see `bench.measure`."""
