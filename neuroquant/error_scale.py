"""How errors of reconstructions are coloured, in the report and on subjects' pages alike."""

ERROR_COLOURS = "inferno"
"""Colour map of matplotlib, from no error upwards."""
ERROR_SHARE = 0.25
"""Absolute error, as a share of the range of intensities, from which on the last colour stands."""
