"""What a user starts: one flow a module."""

import logging
import os

# Prefect calls home when it is imported on a terminal; hosts that build images are often closed, and none was asked.
os.environ.setdefault("DO_NOT_TRACK", "1")
# The steps' own words go to Prefect; without a level of their own, the root logger's would drop all but warnings.
logging.getLogger("ims").setLevel(logging.INFO)
