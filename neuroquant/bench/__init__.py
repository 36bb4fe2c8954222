"""A quick benchmark of one model for whoever builds it: minutes on two cores, with the workflow's own functions."""
