"""What the server that flow runs are forked from imports before the first of them: it takes seconds."""

import gc
from importlib import import_module

from tests.cli.zygote import warm_up

gc.disable()
# Prefect's run of a flow comes to need FastAPI.
for name in ("fastapi", "kubernetes", "lxml.etree", "prefect.flow_engine", "prefect.task_engine"):
    import_module(name)
for name in ("create_image", "customize_image", "finish_shell", "rebuild_image", "hooks"):
    import_module(f"flows.{name}")
warm_up()
# A run whose garbage collector visits what it has inherited copies all of it.
gc.freeze()
gc.enable()
