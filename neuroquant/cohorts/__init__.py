"""Cohorts: which sessions there are, who is who, who trains and who is tested."""
