"""What decides how a job learns: estimators, replay, miners, forgetting."""
