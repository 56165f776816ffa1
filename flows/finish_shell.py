"""The flow that ends a shell from outside, or gives it more time."""

from datetime import timedelta
from typing import Annotated, Literal

from prefect import flow
from pydantic import Field

from flows.hooks import write_error
from storage.models.fields import Id
from storage.records.shell_orders import LONGEST
from tasks.shells import order_shell

Hours = Annotated[float, Field(gt=0, le=LONGEST / timedelta(hours=1))]


@flow(name="finish-shell", flow_run_name="{operation} the shell of {job_id}", on_failure=[write_error])
def finish_shell(job_id: Id, operation: Literal["complete", "abort", "extend"] = "complete", hours: Hours = 4) -> None:
    """End the shell of a job, or give it more time.

    Args:
        job_id: The job, which waits on its user.
        operation: complete: pack what was made of the image; abort: give up; extend: keep it open for longer.
        hours: By how much to extend it.
    """
    order_shell(job_id, operation, timedelta(hours=hours))
