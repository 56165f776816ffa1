"""The other forms that files of certificates have: each is refused with the command that makes PEM of it.

None is converted here: what a `TRUSTED CERTIFICATE` distrusts would be trusted, and a site's file shows what it is.
"""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE

from cryptography import x509

from errors import BadInput

_FROM_PKCS7 = "`openssl pkcs7 -print_certs {form}-in FILE -out NEW.pem`"
_FROM_TRUSTED = "`openssl crl2pkcs7 -nocrl -certfile FILE | openssl pkcs7 -print_certs -out NEW.pem`"
# What a DER file of each kind holds near its beginning: the type of its content (RFC 2315, 14), or its version.
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_PKCS12_VERSION = bytes.fromhex("020103")
_JKS = bytes.fromhex("feedfeed")
_BEGINNING_BYTES = 32


def refuse_other_forms(data: bytes, source: str) -> None:
    """Refuse a file that is not PEM, or holds what is more than certificates.

    Raises:
        BadInput: The resolution is the command that converts it.
    """
    if b"PRIVATE KEY-----" in data:
        raise BadInput(
            f"{source} holds a private key", resolution="give a file with the CA's certificates alone: keep the key"
        )
    if b"-----BEGIN TRUSTED CERTIFICATE-----" in data:
        raise BadInput(
            f"{source} holds certificates with trust settings (-----BEGIN TRUSTED CERTIFICATE-----)",
            resolution=f"leave out those that are distrusted, and convert the others by {_FROM_TRUSTED}",
        )
    if any(b"-----BEGIN " + label in data for label in (b"PKCS7", b"PKCS #7", b"CMS")):
        raise BadInput(f"{source} is in the form PKCS#7", resolution=f"convert it by {_FROM_PKCS7.format(form='')}")
    if b"-----BEGIN" in data:
        return
    what, resolution = _form(data)
    raise BadInput(
        f"{source} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----){what}", resolution=resolution
    )


def _form(data: bytes) -> tuple[str, str]:
    """Return what a file is that is not PEM, and what to do with it."""
    beginning = data[:_BEGINNING_BYTES]
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        return ": it is text in UTF-16", "convert it by `iconv -f UTF-16 -t ASCII FILE -o NEW.pem`"
    if data.startswith(_JKS):
        return ": it is a keystore of Java", "export each by `keytool -exportcert -rfc -alias NAME -keystore FILE`"
    if _SIGNED_DATA in beginning:
        return ": it is in the form PKCS#7", f"convert it by {_FROM_PKCS7.format(form='-inform der ')}"
    if data.startswith(b"\x30") and _PKCS12_VERSION in beginning[:9]:
        return ": it is in the form PKCS#12", "convert it by `openssl pkcs12 -nokeys -in FILE -out NEW.pem`"
    if _is_der(data):
        return ": it is in the form DER", "convert a DER file by `openssl x509 -inform der -in FILE -out NEW.pem`"
    if data.lstrip().startswith(b"MII"):
        return ": it is base64 alone", "convert it by `base64 -d FILE | openssl x509 -inform der -out NEW.pem`"
    return "", "give the root certificate of the CA, as a PEM file"


def _is_der(data: bytes) -> bool:
    try:
        x509.load_der_x509_certificate(data)
    except (ValueError, x509.InvalidVersion):
        return False
    return True
