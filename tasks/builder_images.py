"""The builder image that a description needs: a finished one that a setting names, or one that is built here.

`ims up` builds the first image, with kiwi 9.24. The second, with kiwi 11, is built when a description first needs it.
"""

import logging

from builder.image import builder_image_reference, ensure_builder_image
from builder.podman import image_id
from config.settings import settings
from ingest.description import Description
from tasks.retries import retryable

logger = logging.getLogger(__name__)


def builder_image() -> str:
    """Return the image of every pod that needs no particular kiwi."""
    return settings().builder.image or builder_image_reference()


def identity_of(image: str) -> str:
    """Return what tells one builder image from another: its name, and what it has on this host where pods run here."""
    if settings().pods.runtime == "kubernetes":
        return image
    return f"{image} {image_id(image)}"


@retryable
def find_builder_image(description: Description) -> str:
    """Return the image whose kiwi reads the description, built first when it is kiwi 11's and is missing here.

    Safe to repeat: what is built is kept, one of several jobs builds it, and the others wait.

    Raises:
        Unreachable: The packages of kiwi 11 cannot be fetched at the moment.
        Broken: The image cannot be built on this host.
    """
    if description.kiwi == 9:
        return builder_image()
    logger.info("schema %s needs kiwi %d", description.schema_version, description.kiwi)
    if chosen := settings().builder.image_kiwi11:
        return chosen
    # What is built on this host is not on a cluster's nodes: there the image of this name has to be loaded.
    on_cluster = settings().pods.runtime == "kubernetes"
    return builder_image_reference(description.kiwi) if on_cluster else ensure_builder_image(description.kiwi)
