"""The shard store: arrays of many images in one HDF5 file, with what is known of each image."""
