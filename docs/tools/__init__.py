"""Fills the blocks of the documentation's pages that come from the code, and draws its pictures.

`reference` fills the pages in docs/reference; `pictures` draws docs/pictures from a run of the
demo.
"""
