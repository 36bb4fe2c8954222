"""Synthetic brains with known truth: the cohorts that the workflow makes where no data are at hand."""
