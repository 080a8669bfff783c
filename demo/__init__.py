"""Dogs against croissants on one machine: day pictures first, then the night comes."""
