"""Benchmarks against named peers: ``make bench`` measures, and writes ``docs/benchmarks.md``.

    comparisons     one module for each question, and the list of them
    subjects        what is measured of this project, each a process of its own
    peers           what is measured of others, in an environment of their own
    measure         fresh processes, one after the other and the sides in turn
    results         figures, bars, and the file that keeps them
    rendering       results as a page, a CSV file and plots
    workers         workers as the runner starts them, and `local_controller`, which they tell
    server, load    a server of the Open Inference Protocol, and clients that ask it
    session         the bare ONNX Runtime session
    serving         the inference worker under load, by hand: ``python -m bench.serving --help``

A benchmark prints figures and asserts none of them.
"""
