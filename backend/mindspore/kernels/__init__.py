"""Kernels for training on CPUs, where MindSpore's own are slow: see docs/explanation/engine.md."""
