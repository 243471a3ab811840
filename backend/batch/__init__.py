"""Batch jobs: each a module with a command line and exit codes that mean something."""
