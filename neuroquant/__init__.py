"""NeuroQuant: vector-quantised autoencoders for paired T1w/T2w brain MRI, and an honest benchmark of them."""

__version__ = "0.1.0"
