"""The autoencoder of the CompVis family (taming-transformers, latent diffusion, MedVAE), in two or three dimensions."""
