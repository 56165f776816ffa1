"""The deployments of prefect.yaml that commands start: `flow name/deployment name`."""

CREATE_IMAGE = "create-image/create-image"
CUSTOMIZE_IMAGE = "customize-image/customize-image"
DELETE_JOBS = "delete-jobs/delete-jobs"
RECONCILE = "reconcile/reconcile"
SOFT_DELETE = "soft-delete/soft-delete"
UNDELETE = "undelete/undelete"
HARD_DELETE = "hard-delete/hard-delete"
