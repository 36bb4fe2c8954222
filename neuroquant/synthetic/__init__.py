"""The embedded cohort: synthetic brains with known truth, made where no data are at hand."""

from neuroquant.synthetic.bids import write_cohort

__all__ = ["write_cohort"]
