"""The REST API of the Image Management Service: what `cray ims` and the tools around IMS talk to."""
