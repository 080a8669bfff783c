"""Writes the reference pages and the pictures of the documentation.

`reference` writes what docs/reference holds, from the code; `pictures` draws docs/pictures from
a run of the demo. Each page has a module of its own.
"""
