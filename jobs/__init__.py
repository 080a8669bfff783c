"""Run, watch and report an IncrementalLearningJob: on this machine or on Kubernetes."""
