"""SynthSeg's way of segmenting (Billot et al. 2023): network, weights, recipe, and the demo's stand-in."""
