"""An S3 server in the memory of the process that uses it: for tests of rules, which make thousands of calls.

The clients are boto3's own, and so are their errors; only what they would send and receive is not there (client.py).
tests/test_memory_s3.py compares the answers with those of the embedded server.
"""
