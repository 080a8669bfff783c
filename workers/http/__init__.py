"""What every HTTP service of a worker shares."""
