"""Why kiwi failed: found in the output of zypper, dnf, APT and debootstrap, in an administrator's terms."""

import re
from typing import NamedTuple

_LONGEST_NAME = 300


class Cause(NamedTuple):
    """What went wrong with which server, repository or package, and what to do about it."""

    what: str
    advice: str


class _Rule(NamedTuple):
    """How package managers report a cause; `{0}` in it stands for the text of the first group that matched."""

    says: re.Pattern[str]
    what: str
    advice: str


def cause_in(log: str) -> Cause | None:
    """Find the cause in a log; of several, the one that has caused the others."""
    for rule in _RULES:
        if found := rule.says.search(log):
            named = next((group for group in found.groups() if group), "")
            return Cause(rule.what.format(named.replace("***@", "")[:_LONGEST_NAME]), rule.advice)
    return None


def _rule(what: str, advice: str, *says: str) -> _Rule:
    return _Rule(re.compile("|".join(says), re.IGNORECASE), what, advice)


# zypper says `[alias|URL] Valid metadata not found …` of every fault of a repository, and the reason a few lines below.
_ZYPPER = r"\[[^|\]\n]*\|(\S+)\] Valid metadata not found(?:(?!Valid metadata)[\s\S])*?"
# And of a package's file, in three lines.
_ZYPPER_DOWNLOAD = r"Download \(curl\) error for '([^'\n]+)':\s+Error code: [^\n]*\s+Error message: [^\n]*?"
# APT says why in the line of the address, or in the next one. Possessive: long lines are gone over once.
_APT = r"(https://\S++)(?:[^\n]*+\n)?[^\n]*?"

_RULES = (
    _rule(
        "the certificate of the server of {0} has expired",
        "the server needs a new certificate; see also whether this host's clock is right",
        rf"{_ZYPPER}certificate has expired",
        r"Curl error \(60\): [^\n]*? for (\S+) \[[^\]\n]*certificate has expired",
        rf"{_ZYPPER_DOWNLOAD}certificate has expired",
        rf"{_APT}uses expired certificate",
    ),
    _rule(
        "the certificate of the server of {0} is not trusted",
        "name the CA that certified it as ca_certificates in the site file (IMS_SITE_FILE), and have ca-certificates "
        "among the bootstrap packages of the description; or see whether it has expired",
        rf"{_ZYPPER}SSL certificate problem",
        r"Curl error \(60\): [^\n]*? for (\S+)",
        rf"{_ZYPPER_DOWNLOAD}SSL certificate problem",
        rf"{_APT}Certificate verification failed",
    ),
    _rule(
        "the server of {0} refuses our credentials",
        "give the right ones for its address under credentials in the site file (IMS_SITE_FILE)",
        rf"{_ZYPPER}(?:Login failed|error: 40[13]|Permission to access)",
        r"Status code: 40[13] for (\S+)",
        r"(https?://\S+)\s+40[13]\s",
    ),
    _rule(
        "the metadata of {0} is not signed by a key that is known",
        "name the repository's key under signing_keys in the site file (IMS_SITE_FILE), or see who has changed it",
        rf"{_ZYPPER}Signature verification failed",
        r"metadata for repo '([^'\n]+)': (?:GPG verification is enabled|repomd\.xml GPG signature)",
        r"The repository '([^'\n]+)' is not signed",
    ),
    _rule(
        "package {0} is not signed by a key that is known",
        "name the key of its repository under signing_keys in the site file (IMS_SITE_FILE), or see who has changed it",
        r"(\S+) \([^)\n]*\): Signature verification failed",
        r"Public key for (\S+) is not installed",
        r"Package (\S+) is not signed",
    ),
    _rule(
        "{0} was there before the build and does not answer any more",
        "bring the server or its repository back, then run the job again",
        _ZYPPER + "",
        r"not found on medium '([^'\n]+)'",
        r"Status code: \d+ for (\S+)",
        r"Curl error \(\d+\): [^\n]*? for (\S+)",
        r"(\S+): Cannot download, all mirrors were already tried",
        r"Failed to fetch (\S+)",
        r"The repository '(\S+)[^'\n]*' does not have a Release file",
        # debootstrap gives no reason, and the server answered when the build began.
        r"Failed getting release file (\S+)",
    ),
    _rule(
        "there is no package {0} in the repositories of the description",
        "correct its name, or add the repository that has it",
        r"No provider of '([^'\n]+)' found",
        r"Package '([^'\n]+)' not found",
        r"Unable to find a match: ([^\n]+)",
        r"No match for argument: (\S+)",
        r"Unable to locate package (\S+)",
        r"Couldn't find these debs: ([^\n]+)",
        r"nothing provides '?([^'\n]+?)'? needed by",
    ),
    _rule(
        "the program that the first line of {0} names is not in the image root",
        "add its package to the recipe, or name another program there",
        r"failed to run command [^\w\n]*/image/([\w.-]+)\W+No such file or directory",
        r"/image/([\w.-]+): [^\n]*: bad interpreter",
    ),
)
