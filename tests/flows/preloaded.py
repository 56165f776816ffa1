"""What the server that flow runs are forked from imports before the first of them: it takes seconds."""

import gc
from importlib import import_module

for name in ("boto3", "kubernetes", "lxml.etree", "prefect.flow_engine", "prefect.task_engine"):
    import_module(name)
for name in ("create_image", "customize_image", "finish_shell", "rebuild_image", "hooks"):
    import_module(f"flows.{name}")
# A run whose garbage collector visits what it has inherited copies all of it.
gc.freeze()
