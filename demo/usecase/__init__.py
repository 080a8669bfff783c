"""The use case report: the demo's jobs are run and measured for docs/use-case-report.md.

People write the page; `tables` and `plots` fill it with figures from the records that ``iljob``
keeps of the runs.
"""
