"""Pictures on their way to a network: read, decoded, resized and normalised."""
