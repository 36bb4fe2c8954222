"""The models that NeuroQuant is compared with, one file each."""
