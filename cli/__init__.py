"""The `ims` command."""

import warnings

# Before the first module of the command imports a library; the rest of it is in cli/quiet.py.
warnings.simplefilter("ignore")
