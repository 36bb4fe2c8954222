"""A page of one subject for quality control: scans with the mask, reconstructions, numbers, and a rating of each."""

from neuroquant.subject_page.distribution import Place, place_of
from neuroquant.subject_page.page import write_page
from neuroquant.subject_page.pictures import SessionPictures

__all__ = ["Place", "SessionPictures", "place_of", "write_page"]
