"""What `ims up` runs: S3, Prefect's server and worker, the REST API; started, watched, and stopped in order."""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

from cli.servers import api_process, prefect_processes
from cli.servers.child import Child
from cli.servers.data_folder import Endpoints, publish
from cli.servers.errors import ServiceErrors, prefect_log, s3_log
from cli.servers.lost_runs import resume_lost_runs
from cli.site import summary
from config.settings import read_settings, settings
from errors import Broken, Conflict, ImsError
from runs.client import Runs, connected
from runs.run import Run
from runs.work_pool import WORK_POOL
from storage.embedded.server import EmbeddedS3
from storage.records.catalogue import catalogue
from storage.s3.objects import ensure_buckets

# The clean-up of a cancelled run stops its pods within 30 s.
RUNS_LIMIT = timedelta(seconds=45)
CHILD_GRACE = timedelta(seconds=10)
WATCH_SECONDS = 0.5
# How often a port is chosen for the Prefect server.
STARTS = 3

Say = Callable[[str], None]
Step = Callable[[str], AbstractContextManager[object]]


class Services:
    """The services of one `ims up`."""

    def __init__(self, folder: Path, say: Say, step: Step) -> None:
        """Prepare them; nothing is started yet.

        Args:
            folder: The data folder, held by us.
            say: Prints a line.
            step: Shows what is being done, while the block it returns runs.
        """
        self.folder = folder
        self.logs = folder / "logs"
        self._say, self._step = say, step
        self._s3: EmbeddedS3 | None = None
        self._server: Child | None = None
        self._worker: Child | None = None
        self._deployment: Child | None = None
        self._api: Child | None = None
        self._errors = ServiceErrors()

    def start(self, prefect_port: int) -> Endpoints:
        """Start everything and return how it is reached; the endpoints are published when all is ready.

        Raises:
            ImsError: Something does not start.
        """
        self.logs.mkdir(exist_ok=True)
        if settings().site_file:
            # An error in it is reported now, not by the first job.
            self._say(f"Site file      {summary().file}")
        with self._step("starting the S3 server"):
            endpoints = self._start_s3(prefect_processes.prefect_port(prefect_port))
        self._say(f"S3 server      {endpoints.s3_endpoint_url}")
        self._server = self._start_prefect(endpoints)
        with self._step("looking for the builder image"):
            image = _builder_image()
        self._say(f"Builder image  {image}")
        with self._step("starting the Prefect server"):
            endpoints = self._await_prefect(self._server, endpoints, may_move=not prefect_port)
        self._say(f"Prefect        {endpoints.prefect_ui_url}")
        with self._step("deploying the flows, and starting their worker and the REST API"):
            endpoints = self._start_api(self._server.env, endpoints)
            self._serve_flows(self._server.env, endpoints)
            if self._api is not None:
                api_process.await_server(self._api, endpoints.api_url)
        self._say(f"REST API       {endpoints.api_url}")
        publish(self.folder, endpoints)
        return endpoints

    def watch(self) -> None:
        """Show the errors that services log, until one of them ends; this does not return.

        Raises:
            Broken: A service ended; the error has the last lines of its log.
        """
        while True:
            self._show_errors()
            for child in (self._server, self._worker, self._api):
                if child is not None:
                    child.check()
            if self._s3 is not None and self._s3.process_id is None:
                last = "\n".join(f"    {line}" for line in self._s3.log_tail())
                raise Broken(
                    f"the embedded S3 server ended; its last lines:\n{last}",
                    resolution=f"its whole log is {self._s3.log_file}",
                )
            time.sleep(WATCH_SECONDS)

    def stop(self) -> None:
        """Stop what was started: first the active runs, then the worker, the Prefect server, the S3 server."""
        if self._deployment is not None:
            self._deployment.kill()
        if self._api is not None:
            # First, so that it starts nothing any more.
            with self._step(f"stopping {self._api.name}"):
                self._api.stop(CHILD_GRACE)
        if self._all_alive():
            self._stop_runs()
        for child in (self._worker, self._server):
            if child is not None:
                with self._step(f"stopping {child.name}"):
                    child.stop(CHILD_GRACE)
        if self._s3 is not None:
            with self._step("stopping the S3 server"):
                self._s3.stop()
        self._show_errors(final=True)

    def kill(self) -> None:
        """Kill everything at once; the next `ims up` resumes the active runs."""
        for child in (self._api, self._deployment, self._worker, self._server):
            if child is not None:
                child.kill()
        if self._s3 is not None:
            self._s3.stop()

    def _start_s3(self, prefect_port: int) -> Endpoints:
        server = read_settings().s3
        address = server.address() if server.endpoint_url else None
        access_key, secret_key = server.access_key.get_secret_value(), server.secret_key.get_secret_value()
        if address is None:
            self._s3 = EmbeddedS3(self.folder / "s3")
            self._s3.start()
            self._errors.logs.append(s3_log(self._s3.log_file))
            address, access_key, secret_key = self._s3.endpoint_url, self._s3.access_key, self._s3.secret_key
        # From here on this process uses the S3 server as any other command does.
        os.environ.update(IMS_S3_ENDPOINT_URL=address, IMS_S3_ACCESS_KEY=access_key, IMS_S3_SECRET_KEY=secret_key)
        settings.cache_clear()
        ensure_buckets()
        return Endpoints(
            s3_endpoint_url=address,
            s3_access_key=access_key,
            s3_secret_key=secret_key,
            prefect_api_url=prefect_processes.api_url(prefect_port),
            s3_is_embedded=self._s3 is not None,
        )

    def _start_prefect(self, endpoints: Endpoints) -> Child:
        return self._started(prefect_processes.server(prefect_processes.environment(self.folder, endpoints), self.logs))

    def _await_prefect(self, server: Child, endpoints: Endpoints, *, may_move: bool) -> Endpoints:
        """Wait for the Prefect server, and return its endpoints: on another port when its own was taken meanwhile.

        Args:
            server: The server, started.
            endpoints: How it is reached.
            may_move: Whether the user has left the choice of its port to us.
        """
        for attempt in range(1, STARTS + 1):
            try:
                prefect_processes.await_server(server)
                break
            except Conflict:
                if attempt == STARTS or not may_move:
                    raise
            server.kill()
            port = prefect_processes.prefect_port(0)
            endpoints = endpoints.model_copy(update={"prefect_api_url": prefect_processes.api_url(port)})
            self._server = server = self._start_prefect(endpoints)
        return endpoints

    def _start_api(self, env: dict[str, str], endpoints: Endpoints) -> Endpoints:
        chosen = settings().api
        with api_process.listening(chosen) as listener:
            self._api = self._started(api_process.server(env, self.logs, chosen, listener))
            return endpoints.model_copy(update={"api_url": api_process.url(chosen, listener)})

    def _started(self, program: Child) -> Child:
        """Start a program, whose log is read from now on."""
        program.start()
        self._errors.logs = [log for log in self._errors.logs if log.path != program.log] + [prefect_log(program)]
        return program

    def _show_errors(self, *, final: bool = False) -> None:
        """Show each kind of error when it is first logged; at the end, how often each came that came more than once."""
        for kind in self._errors.new_kinds(final=final):
            self._say(kind.notice)
        if final:
            for kind in self._errors.kinds:
                if kind.times > 1:
                    self._say(kind.summary)

    def _serve_flows(self, env: dict[str, str], endpoints: Endpoints) -> None:
        with connected(endpoints.prefect_api_url) as runs:
            runs.pool.open(prefect_processes.FLOW_RUN)
            resume_lost_runs(runs, catalogue(), self._say, prefect_processes.is_of_ims_up)
            self._deployment = self._started(prefect_processes.deployment(env, self.logs))
            self._worker = self._started(prefect_processes.worker(env, self.logs, WORK_POOL))
            self._deployment.wait(prefect_processes.START_LIMIT)
            prefect_processes.await_worker(self._worker, runs.pool.workers)

    def _stop_runs(self) -> None:
        """Cancel the active runs and wait until their clean-up is done."""
        if self._server is None:
            return
        try:
            with connected(self._server.env["PREFECT_API_URL"]) as runs:
                runs.pool.close()
                left = self._cancel_all(runs)
        except ImsError as error:
            self._say(f"The active runs could not be cancelled: {error}")
            return
        for run_id in left:
            self._say(f"Flow run {run_id} did not end; the next `ims up` resumes or cancels it")

    def _cancel_all(self, runs: Runs) -> list[str]:
        """Return the runs that did not end within the limit."""
        asked: set[str] = set()
        end = time.monotonic() + RUNS_LIMIT.total_seconds()
        while (in_hand := _of_ims_up(runs)) and time.monotonic() < end:
            with self._step(f"stopping {len(in_hand)} flow run(s): pods first"):
                # A pending run has no process yet that could be asked to stop.
                for run in in_hand:
                    if run.state.is_running and run.id not in asked:
                        runs.cancel(run.id)
                        asked.add(run.id)
                        self._say(f"Cancelling flow run {run.id}")
                time.sleep(WATCH_SECONDS)
        return [run.id for run in in_hand]

    def _all_alive(self) -> bool:
        """Tell whether all services run: a run can only then clean up after itself."""
        children = (self._server, self._worker)
        s3_lives = self._s3 is None or self._s3.process_id is not None
        return s3_lives and all(child is not None and child.is_running for child in children)


def _of_ims_up(runs: Runs) -> list[Run]:
    """Return the active runs, without those of an `ims worker` that was started beside this `ims up`."""
    return [run for run in runs.pool.active_runs() if prefect_processes.is_of_ims_up(run.worker)]


def _builder_image() -> str:
    """Return the builder image that the flows use; ours is built when it is missing."""
    if settings().builder.image:
        return settings().builder.image
    from builder.image import ensure_builder_image

    return ensure_builder_image()
