"""Made-up scores for the tests of this folder."""

from tests.made_up import *  # noqa: F403
