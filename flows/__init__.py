"""What a user starts: one flow a module."""

import logging

# The steps' own words go to Prefect; without a level of their own, the root logger's would drop all but warnings.
logging.getLogger("ims").setLevel(logging.INFO)
