"""Compares model files on an index, outside of any round; ``iljob evaluate`` starts it."""
