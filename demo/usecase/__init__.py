"""The use case report: dogs and croissants, run for real, measured, and written down.

``python -m demo.usecase run`` runs the jobs and keeps every raw figure in results.json;
``python -m demo.usecase render`` makes the page and its plots from that file alone.
"""
