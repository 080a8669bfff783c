"""Unit tests of the SDK: ``cd lib && python -m unittest discover tests``."""
