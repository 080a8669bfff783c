"""The documentation's pages, and in `docs.tools` what writes those that come from the code."""
