"""config/pem.py: no block of a file is left out, whatever happened to the file."""

import pytest

from config.pem import blocks_of
from errors import BadInput

BODY = [b"MIIB" + b"A" * 60, b"B" * 64, b"CCCC"]
ONE = b"\n".join([b"-----BEGIN CERTIFICATE-----", *BODY, b"-----END CERTIFICATE-----", b""])


@pytest.mark.parametrize(
    "data",
    [
        ONE + ONE,
        ONE.replace(b"\n", b"\r\n") + ONE.replace(b"\n", b"\r"),
        b"\xef\xbb\xbf# One\n" + ONE + b"\n  subject=/CN=Two\n\n" + ONE.replace(b"\n", b" \n  "),
        ONE + b"Bag Attributes\n    localKeyID: 01 \nSHA256 " + b"ab" * 32 + b"\n" + b"ab" * 32 + b"\n" + ONE,
        b"# begin of the site's CAs -----\n-- \n" + ONE + ONE + b"# END\n",
    ],
    ids=["one after the other", "line ends", "text and blanks around", "attributes", "comments"],
)
def test_blocks_are_found_in_the_text_around_them(data: bytes) -> None:
    found = blocks_of(data.replace(b"\xef\xbb\xbf", b""), "ca.pem")
    assert [(block.label, [line for line in block.lines if line]) for block in found] == [("CERTIFICATE", BODY)] * 2


DAMAGED = {
    "cut off": (ONE + ONE[:100], "line 6: the CERTIFICATE that begins here is not closed before the end of the file"),
    "cut off and continued": (ONE[:100] + b"\n" + ONE, "line 1: .* is not closed before line 4"),
    "without its first line": (ONE + ONE.partition(b"\n")[2], "line 6: base64 outside of a block"),
    "without its first lines": (
        ONE + b"CCCC\n-----END CERTIFICATE-----\n",
        "line 7: the end of a CERTIFICATE that has no",
    ),
    "of two labels": (ONE.replace(b"END CERT", b"END X509 CERT"), "line 5: the end of a X509 CERTIFICATE, and line 1"),
    "joined without a line end": (ONE.rstrip() + ONE, "line 5: this line begins or ends a block, and is damaged"),
    "four hyphens": (ONE + ONE.replace(b"-----BEGIN", b"----BEGIN"), "line 6: this line begins or ends a block"),
    "no hyphens": (ONE + ONE.replace(b"-----BEGIN", b"BEGIN"), "line 6: this line begins or ends a block"),
    "hyphens lost at the end": (ONE.replace(b"CERTIFICATE-----\nMII", b"CERTIFICATE\nMII"), "line 1: this line begins"),
    "one line": (ONE.replace(b"\n", b" "), "line 1: this line begins or ends a block"),
}


@pytest.mark.parametrize(("data", "said"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused_with_its_line(data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        blocks_of(data, "ca.pem")


@pytest.mark.parametrize(
    "line", [b"A" * 63 + b"!", b"Proc-Type: 4,ENCRYPTED", b"A" * 63], ids=["mark", "header", "short"]
)
def test_what_is_not_base64_is_refused(line: bytes) -> None:
    [block] = blocks_of(ONE.replace(b"B" * 64, line), "ca.pem")
    with pytest.raises(BadInput, match=r"ca\.pem, line [13]: .*damaged.*base64"):
        block.decode("ca.pem")
