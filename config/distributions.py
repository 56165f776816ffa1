"""The Linux distributions that a recipe may name, as in IMS."""

from typing import Literal

LinuxDistribution = Literal["sles12", "sles15", "centos7", "debian12"]
