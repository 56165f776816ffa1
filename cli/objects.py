"""The objects of S3, for the commands that read or write them: the REST API of IMS carries none."""

from cli.door import is_by_api
from config.settings import settings
from errors import BadInput
from storage.s3.objects import ObjectStore, object_store


def objects(what: str) -> ObjectStore:
    """Return the object store.

    Args:
        what: What needs it, in the words of a message.

    Raises:
        BadInput: No S3 server is configured.
    """
    if is_by_api() and settings().s3.endpoint_url is None:
        raise BadInput(
            f"{what} needs S3: the REST API at {settings().client.url} carries records, and no objects",
            resolution="set IMS_S3_ENDPOINT_URL, IMS_S3_ACCESS_KEY and IMS_S3_SECRET_KEY besides IMS_API_URL",
        )
    return object_store()
