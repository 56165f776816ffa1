"""Image roots: built by kiwi-ng in a privileged pod, on the job's workspace."""

from builder.contract.inputs import ContextInput, PrepareInput, ServersInput
from config.settings import settings
from storage.models.jobs import Job, JobStatus
from storage.s3.objects import object_store
from tasks.contexts import Context
from tasks.jobs import report
from tasks.pods import run_step
from tasks.retries import retryable


@retryable
def build_image_root(context: Context, image: str, job: Job) -> None:
    """Run `kiwi-ng system prepare` on the job's description, in the builder image whose kiwi reads it.

    Safe to repeat: a pod that has built the root is not run again.

    Raises:
        StepFailed: kiwi failed; its last lines are in the diagnosis.
    """
    report(job, status=JobStatus.BUILDING_IMAGE)
    store, bucket, limit = object_store(), settings().bucket, settings().limits.prepare
    secrets = context.credentials_key
    told = PrepareInput(
        context=ContextInput(url=store.presigned_get(bucket, context.key, limit), sha256=context.sha256),
        credentials_url=store.presigned_get(bucket, secrets, limit) if secrets else "",
        servers=ServersInput(private=settings().repositories.private),
    )
    run_step(job, "prepare", "prepare", told, deadline=limit, privileged=True, image=image)
