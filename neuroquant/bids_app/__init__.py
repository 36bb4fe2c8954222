"""`neuroquant bids`: a trained model as a BIDS-App, on every session of a BIDS data set."""
