"""credentials.json: the credentials of repositories. They are secret: no message may quote them."""

from dataclasses import dataclass, field

from builder.contract.document import Document


@dataclass(frozen=True)
class RepositoryCredentials(Document):
    """The credentials of one repository; the document is a list of them."""

    url: str
    username: str
    password: str = field(repr=False)
