"""Sedna's backends, their choice, and their registration with Sedna's own SDK."""
