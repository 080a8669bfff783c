"""Benchmarks against named peers: ``make bench`` measures, and fills ``docs/benchmarks.md``.

    comparisons     one function for each question, and the list of them
    subjects        what is measured of this project, each call a process of its own
    peers           what is measured of others, in an environment of their own
    results         figures, bars, and the file that keeps them
    workers         workers as the runner starts them
    server, load    a server of the Open Inference Protocol, and clients that ask it

A benchmark prints figures and asserts none of them.
"""
