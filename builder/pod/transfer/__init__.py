"""HTTP between a pod and S3, by presigned URLs: each request is tried again while the fault may pass.

The URLs are the only right a pod has, so no message holds more of one than server and path.
"""
