"""The inputs of the programs (builder/programs). Addresses are presigned: each gives access to one object."""

from dataclasses import dataclass
from pathlib import Path

from builder.contract.environment import Input, optional_variable, variable

# Where the workspace is mounted in every pod.
WORKSPACE = "/workspace"
# Ansible's callback plugin (builder/ansible/callback/ims.py) reads it: the file to write failed tasks to. The plugin
# runs where this package cannot be imported, and repeats the name.
PLAYBOOK_NOTES = "IMS_PLAYBOOK_NOTES"


@dataclass(frozen=True, kw_only=True)
class JobInput(Input):
    """The job of a pod. Sessions of shells, scripts and playbooks get these two variables as well."""

    id: str = optional_variable("IMS_JOB_ID", "")
    arch: str = optional_variable("IMS_ARCH", "")


@dataclass(frozen=True, kw_only=True)
class PodInput(Input):
    """The pod itself. Its manifest sets the variables; the workspace's lease names its holder by name and uid.

    Args:
        name: Its name.
        uid: Its uid.
        own_network: Whether it was to get a network of its own, not the host's.
    """

    name: str = optional_variable("IMS_POD_NAME", "")
    uid: str = optional_variable("IMS_POD_UID", "")
    own_network: bool = optional_variable("IMS_OWN_NETWORK", False, always_written=False)


@dataclass(frozen=True, kw_only=True)
class WorkspaceInput(Input):
    """The folder that the pods of a job share. No flow sets it: in a pod it is always WORKSPACE."""

    path: str = optional_variable("IMS_WORKSPACE", WORKSPACE, always_written=False)

    @property
    def folder(self) -> Path:
        """The folder."""
        return Path(self.path)


@dataclass(frozen=True, kw_only=True)
class ContextInput(Input):
    """The archive with the description and the step's options (builder/pod/context.py)."""

    url: str = variable("IMS_CONTEXT_URL")
    sha256: str = variable("IMS_CONTEXT_SHA256")


@dataclass(frozen=True, kw_only=True)
class CaRpmInput(Input):
    """What builds the CA RPM: an archive of `site-ca.spec` and the files that it names.

    Args:
        context: The archive.
        result_url: Takes an archive of the RPM and the public key.
    """

    context: ContextInput
    result_url: str = variable("IMS_RESULT_URL")


@dataclass(frozen=True, kw_only=True)
class ServersInput(Input):
    """Which servers repositories may be on; `private`: also on those of private networks and on the host itself."""

    private: bool = optional_variable("IMS_PRIVATE_REPOSITORIES", True, always_written=False)


@dataclass(frozen=True, kw_only=True)
class PrepareInput(Input):
    """What builds an image root.

    Args:
        context: The job's context.
        credentials_url: Gives the credentials of repositories; empty when none are needed.
        servers: Which servers it may read from.
    """

    context: ContextInput
    credentials_url: str = optional_variable("IMS_CREDENTIALS_URL", "", always_written=False)
    servers: ServersInput = ServersInput()


@dataclass(frozen=True, kw_only=True)
class PackageInput(Input):
    """What packs an image root.

    Args:
        result_url: Takes package.json (package.py).
        inspection_url: Takes inspection.json (inspection.py); empty for a flow of a release that does not ask for it.
    """

    result_url: str = variable("IMS_RESULT_URL")
    inspection_url: str = optional_variable("IMS_INSPECTION_URL", "", always_written=False)


@dataclass(frozen=True, kw_only=True)
class UploadInput(Input):
    """What uploads artifacts; `plan_url` gives the plan (upload_plan.py)."""

    plan_url: str = variable("IMS_PLAN_URL")
    connections: int = optional_variable("IMS_CONNECTIONS", 4, always_written=False)


@dataclass(frozen=True, kw_only=True)
class RootfsInput(Input):
    """The rootfs of an image that is customized.

    Args:
        url: Gives it.
        size: In bytes.
        etag: Its object's.
        checksum: `sha256:…` or `md5:…`; empty when none is known.
    """

    url: str = variable("IMS_ROOTFS_URL")
    size: int = variable("IMS_ROOTFS_SIZE")
    etag: str = optional_variable("IMS_ROOTFS_ETAG", "")
    checksum: str = optional_variable("IMS_ROOTFS_CHECKSUM", "")


@dataclass(frozen=True, kw_only=True)
class FetchRootInput(Input):
    """What makes the image root of an image that is customized.

    Args:
        context: The job's context.
        rootfs: The image's rootfs.
        overlay: Whether the rootfs may be mounted; it is unpacked otherwise.
    """

    context: ContextInput
    rootfs: RootfsInput
    overlay: bool = optional_variable("IMS_OVERLAY", True)


@dataclass(frozen=True, kw_only=True)
class ShellInput(Input):
    """What opens an SSH server.

    Args:
        public_key: Its holder may log in; a line of authorized_keys.
        address: The address to listen on.
        seconds: The limit of the shell.
        idle_seconds: The limit of the time without a session.
        orders_url: Gives the orders (shell_orders.py).
        forwarding: Whether connections may be forwarded.
    """

    public_key: str = variable("IMS_PUBLIC_KEY")
    address: str = variable("IMS_SSH_ADDRESS")
    seconds: int = variable("IMS_SHELL_SECONDS")
    idle_seconds: int = variable("IMS_SHELL_IDLE_SECONDS")
    orders_url: str = variable("IMS_SHELL_ORDERS_URL")
    forwarding: bool = optional_variable("IMS_SHELL_FORWARDING", False)


@dataclass(frozen=True, kw_only=True)
class DebugShellInput(Input):
    """What opens a shell into a failed build."""

    shell: ShellInput


@dataclass(frozen=True, kw_only=True)
class CustomizeShellInput(Input):
    """What opens a shell into the root of an image that is customized; `jail`: sessions see that root as `/`."""

    shell: ShellInput
    root: FetchRootInput
    jail: bool = optional_variable("IMS_JAIL", False)


@dataclass(frozen=True, kw_only=True)
class ScriptInput(Input):
    """What runs a script, or a playbook.

    Args:
        url: Gives an archive of its folder.
        sha256: The archive's.
        entry: The path in it of the file to begin with.
        seconds: The limit of its time.
    """

    url: str = variable("IMS_SCRIPT_URL")
    sha256: str = variable("IMS_SCRIPT_SHA256")
    entry: str = variable("IMS_SCRIPT_ENTRY")
    seconds: int = variable("IMS_SCRIPT_SECONDS")
