"""Shared by all HTTP services of the workers."""
