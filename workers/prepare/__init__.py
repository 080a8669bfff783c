"""Prepares a node for a job: folders that the workers may write to, and the first models."""
