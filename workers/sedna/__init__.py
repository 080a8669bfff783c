"""The worker side of Sedna's contract: identity, reports, hot update, the process."""
