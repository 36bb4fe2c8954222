"""One scan's header, one comparison of grids, one exception: what the index, preprocessing and `encode` share."""
