"""Which test covers a module that has no test file of its own, and why; tests/test_mirror.py checks each line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Elsewhere:
    """Modules that a test covers which is named after something else.

    Args:
        test: The test's file, below tests/.
        why: Why they have none of their own.
        modules: Their files.
        through: The modules that run in processes of their own on the way from the test to them; none when the test's
            own process imports them.
    """

    test: str
    why: str
    modules: tuple[str, ...]
    through: tuple[str, ...] = ()


_FLOW_RUN = "It is tried in the run of a flow, whose process is not the test's."
_WORKER = "The commands have a worker run it; its steps are tested by tests/tasks/test_deletions.py."
_POD = "It runs in a pod only."
_CHILD = "It runs in the confined process that this test starts."
_PART = "It is a part of what this test covers as a whole."
_COMMAND = "It is the command's, which the test runs in a process of its own."

ELSEWHERE = (
    Elsewhere("tasks/test_repositories.py", _PART, ("tasks/repository_answers.py",)),
    Elsewhere("config/test_authorities.py", _PART, ("config/signatures.py",)),
    Elsewhere("storage/embedded/test_server.py", _PART, ("storage/embedded/process.py", "storage/embedded/state.py")),
    Elsewhere(
        "storage/moving/test_adoption.py",
        _PART,
        ("storage/moving/collections.py", "storage/moving/exports.py", "storage/moving/records.py"),
    ),
    Elsewhere("storage/moving/test_backups.py", _PART, ("storage/moving/restoration.py", "storage/moving/files.py")),
    Elsewhere("storage/moving/test_objects.py", _PART, ("storage/s3/originals.py",)),
    Elsewhere("storage/records/test_jobs.py", _PART, ("storage/models/jobs.py", "storage/models/job_defaults.py")),
    Elsewhere("storage/records/test_registration.py", _PART, ("storage/records/links.py",)),
    Elsewhere("cli/test_public_keys.py", _COMMAND, ("storage/records/public_keys.py",)),
    Elsewhere("storage/records/test_shell_orders.py", _PART, ("storage/models/shells.py",)),
    Elsewhere("storage/s3/test_objects.py", _PART, ("storage/s3/client.py",)),
    Elsewhere(
        "ingest/test_confined.py", _CHILD, ("ingest/__main__.py", "ingest/jail.py"), through=("ingest/__main__.py",)
    ),
    Elsewhere(
        "ingest/test_templates.py",
        _CHILD,
        ("ingest/rendering.py",),
        through=("ingest/__main__.py",),
    ),
    Elsewhere(
        "ingest/test_config_xml.py",
        _CHILD,
        ("ingest/repositories.py",),
        through=("ingest/__main__.py",),
    ),
    Elsewhere(
        "ingest/test_kiwi_classes.py",
        _CHILD,
        ("ingest/kiwi_refusal.py",),
        through=("ingest/__main__.py",),
    ),
    Elsewhere("ingest/test_unpacking.py", _PART, ("ingest/recipe.py",)),
    Elsewhere("ingest/test_config_xml.py", _PART, ("ingest/description.py",)),
    Elsewhere("ingest/test_kiwi_classes.py", _PART, ("ingest/checked_description.py", "ingest/kiwi_reading.py")),
    Elsewhere("pods/test_diagnosis.py", _PART, ("pods/facts.py",)),
    Elsewhere("pods/kubernetes/test_runtime.py", _PART, ("pods/kubernetes/events.py", "pods/kubernetes/options.py")),
    Elsewhere(
        "pods/test_runtimes.py",
        "Both runtimes are tried by the same tests, on real pods.",
        ("pods/podman/files.py", "pods/podman/watch.py", "pods/runtime.py", "pods/step_command.py"),
    ),
    Elsewhere("pods/podman/test_runtime.py", _PART, ("pods/podman/manifest.py",)),
    Elsewhere(
        "flows/test_create_image.py",
        _FLOW_RUN,
        ("tasks/artifacts.py", "tasks/images.py", "tasks/kiwi.py", "tasks/recipes.py"),
        through=("flows/create_image.py",),
    ),
    Elsewhere("flows/test_two_processes.py", _FLOW_RUN, ("tasks/holds.py",), through=("flows/create_image.py",)),
    Elsewhere(
        "flows/test_unattended.py",
        _FLOW_RUN,
        ("tasks/scripts.py",),
        through=("flows/rebuild_image.py",),
    ),
    Elsewhere(
        "flows/test_customize.py",
        _FLOW_RUN,
        ("flows/customize_image.py",),
        through=("flows/customize_image.py",),
    ),
    Elsewhere("flows/test_customize.py", _FLOW_RUN, ("flows/finish_shell.py",), through=("flows/finish_shell.py",)),
    Elsewhere("tasks/test_kiwi_config.py", _PART, ("tasks/kiwi_templates.py",)),
    Elsewhere("tasks/test_resources.py", _PART, ("tasks/workspaces.py",)),
    Elsewhere("flows/test_reconcile.py", _FLOW_RUN, ("flows/delete_jobs.py",), through=("flows/delete_jobs.py",)),
    Elsewhere("cli/test_deletions.py", _COMMAND, ("cli/deleted.py",), through=("cli/main.py",)),
    Elsewhere(
        "cli/test_deletions.py", _WORKER, ("flows/hard_delete.py",), through=("cli/main.py", "flows/hard_delete.py")
    ),
    Elsewhere(
        "cli/test_deletions.py", _WORKER, ("flows/soft_delete.py",), through=("cli/main.py", "flows/soft_delete.py")
    ),
    Elsewhere("cli/test_deletions.py", _WORKER, ("flows/undelete.py",), through=("cli/main.py", "flows/undelete.py")),
    Elsewhere("flows/test_deployments.py", _PART, ("flows/hooks.py",)),
    Elsewhere(
        "flows/test_orders.py",
        "Its answers are those of two real workers.",
        ("flows/stopped_runs.py",),
        through=("flows/worker.py",),
    ),
    Elsewhere("cli/test_worker.py", _COMMAND, ("cli/servers/worker.py", "flows/worker.py"), through=("cli/main.py",)),
    Elsewhere(
        "builder/programs/test_playbook.py",
        "They run within Ansible, in a pod.",
        ("builder/ansible/callback/ims.py", "builder/ansible/connection/chroot.py"),
        through=("builder/programs/playbook.py",),
    ),
    Elsewhere(
        "builder/test_image.py",
        _PART,
        ("builder/base.py", "builder/command.py", "builder/podman.py", "builder/scratch.py"),
    ),
    Elsewhere("builder/test_kiwi11.py", _PART, ("builder/pip.py",)),
    Elsewhere(
        "builder/contract/test_document.py",
        "Every document is written and read by the same rules.",
        (
            "builder/contract/enclosed.py",
            "builder/contract/package.py",
            "builder/contract/prepared.py",
            "builder/contract/shell_orders.py",
            "builder/contract/unreadable.py",
            "builder/contract/upload_plan.py",
        ),
    ),
    Elsewhere("builder/contract/test_environment.py", _PART, ("builder/contract/inputs.py",)),
    Elsewhere(
        "builder/pod/inspection/test_inspection.py",
        _PART,
        (
            "builder/pod/image_root/system_folders.py",
            "builder/pod/inspection/file_in_root.py",
            "builder/pod/inspection/found.py",
        ),
    ),
    Elsewhere("tasks/test_inspections.py", _PART, ("storage/models/inspections.py",)),
    Elsewhere("builder/pod/test_step.py", _PART, ("builder/contract/exit_codes.py", "builder/pod/child.py")),
    Elsewhere(
        "builder/programs/test_script.py",
        _POD,
        (
            "builder/pod/enclosure.py",
            "builder/pod/image_root/customization.py",
            "builder/pod/unattended/first_process.py",
            "builder/pod/script_log.py",
            "builder/pod/unattended/unattended.py",
        ),
        through=("builder/programs/script.py",),
    ),
    Elsewhere(
        "builder/pod/image_root/test_root.py",
        _POD,
        ("builder/pod/image_root/chroot.py",),
        through=("builder/pod/image_root/chroot.py",),
    ),
    Elsewhere(
        "builder/test_pod_programs.py", _POD, ("builder/pod/kiwi/image_scripts.py", "builder/programs/package.py")
    ),
    Elsewhere(
        "builder/pod/rootfs/test_lazy_rootfs.py",
        _POD,
        ("builder/pod/rootfs/lazy_server.py", "builder/pod/rootfs/one_file.py"),
        through=("builder/pod/rootfs/lazy_server.py",),
    ),
    Elsewhere("builder/pod/shell/test_shell.py", _PART, ("builder/pod/shell/orders.py",)),
    Elsewhere(
        "flows/test_customize.py",
        _POD,
        ("builder/pod/shell/sshd.py",),
        through=("flows/customize_image.py", "builder/programs/customize_shell.py"),
    ),
    Elsewhere("builder/pod/rootfs/test_rootfs.py", _PART, ("builder/pod/space.py",)),
    Elsewhere(
        "builder/pod/transfer/test_objects.py",
        _PART,
        ("builder/pod/transfer/attempts.py", "builder/pod/transfer/connection.py"),
    ),
    Elsewhere("tasks/test_ca_rpm.py", _POD, ("builder/programs/ca_rpm.py",), through=("builder/programs/ca_rpm.py",)),
    Elsewhere(
        "flows/test_debug_shell.py",
        _POD,
        ("builder/programs/debug_shell.py",),
        through=("flows/create_image.py", "builder/programs/debug_shell.py"),
    ),
    Elsewhere(
        "builder/programs/test_customize_shell.py",
        _POD,
        ("builder/pod/rootfs/original.py",),
        through=("builder/programs/customize_shell.py",),
    ),
    Elsewhere(
        "flows/test_unattended.py",
        _POD,
        ("builder/programs/fetch_root.py",),
        through=("flows/customize_image.py", "builder/programs/fetch_root.py"),
    ),
    Elsewhere(
        "api/test_app.py",
        "Every path is asked for over HTTP.",
        (
            "api/answers.py",
            "api/killed_runs.py",
            "api/kinds.py",
            "api/lists.py",
            "api/models/jobs.py",
            "api/models/records.py",
            "api/request_ids.py",
            "api/routes/collections.py",
            "api/runs.py",
            "api/versions.py",
        ),
    ),
    Elsewhere("api/test_app.py", "DELETE of v2 runs it, over HTTP.", ("flows/remove.py",)),
    Elsewhere("api/test_app.py", "The paths of jobs call them, over HTTP.", ("flows/job_end.py", "flows/job_start.py")),
    Elsewhere("api/test_app.py", "Its paths keep them, over HTTP.", ("storage/models/remote_build_nodes.py",)),
    Elsewhere("api/test_server.py", _PART, ("config/api.py", "api/uvicorn_options.py")),
    Elsewhere("cli/test_images.py", _COMMAND, ("cli/downloads.py", "cli/progress.py"), through=("cli/main.py",)),
    Elsewhere("cli/test_jobs.py", _COMMAND, ("cli/job_start.py",), through=("cli/main.py",)),
    Elsewhere("cli/test_api_door.py", _PART, ("cli/door.py", "cli/store_door.py")),
    Elsewhere("cli/test_following_by_api.py", _PART, ("cli/hints.py",)),
    Elsewhere("cli/test_up_builds.py", _COMMAND, ("cli/shells.py",), through=("cli/main.py",)),
    Elsewhere("cli/test_up.py", _COMMAND, ("cli/servers/services.py", "cli/status.py"), through=("cli/main.py",)),
    Elsewhere(
        "flows/test_reconcile.py", _COMMAND, ("cli/job_deletions.py", "cli/reconcile.py"), through=("cli/main.py",)
    ),
    Elsewhere("builder/pod/kiwi/test_credentials.py", _PART, ("builder/contract/credentials.py",)),
)
