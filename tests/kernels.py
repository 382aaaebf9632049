"""A real Jupyter kernel, spoken to as JupyterLab does: each request says which cell it is of."""

import contextlib

import psutil
from jupyter_client.manager import start_new_kernel


class Kernel:
    """One kernel; `run` runs code as a cell and returns what it prints."""

    def __init__(self, manager, client):
        self.manager, self.client = manager, client

    def send(self, code, cell):
        """Send a cell without waiting for it; returns the id of the request."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        metadata = {"cellId": cell, "deletedCells": [], "trusted": True, "recordTiming": False}
        request = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(request)
        return request["header"]["msg_id"]

    def outputs(self, request):
        """What a request puts out, message by message, until it is done."""
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") == request:
                if message["content"].get("execution_state") == "idle":
                    return
                yield message

    def wait_for(self, text):
        """Wait until it is printed, by whatever."""
        while text not in self.client.get_iopub_msg(timeout=60)["content"].get("text", ""):
            pass

    def wait_for_idle(self):
        """Wait until the kernel says that it is."""
        while self.client.get_iopub_msg(timeout=60)["content"].get("execution_state") != "idle":
            pass

    def reply(self, request):
        """The content of the reply to a request."""
        while True:
            message = self.client.get_shell_msg(timeout=60)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def run(self, code, cell="another"):
        """Run a cell; what it prints."""
        request = self.send(code, cell)
        outputs = list(self.outputs(request))
        reply = self.reply(request)
        assert reply["status"] == "ok", "\n".join(reply.get("traceback", [str(reply)]))
        return "".join(m["content"].get("text", "") for m in outputs).strip()

    def interrupt(self):
        """As the button of JupyterLab does."""
        self.manager.interrupt_kernel()

    def memory(self):
        """Resident, MB."""
        return psutil.Process(self.manager.provisioner.pid).memory_info().rss / 2**20


@contextlib.contextmanager
def kernel():
    """A new kernel, gone at the end."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
