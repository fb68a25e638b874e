"""Stands for an on-call tool: takes the webhooks of Alertmanager and writes a line per alert. Put your own tool in its place."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGEST = 1_000_000


class AlertReceiver(BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self) -> None:
        self._answer(204)

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if size > LARGEST:
            self._answer(413)
            return
        try:
            alerts = json.loads(self.rfile.read(size))["alerts"]
            lines = [line(self.path.strip("/"), alert) for alert in alerts]
        except (ValueError, KeyError, TypeError, AttributeError):
            self._answer(400)
            return
        sys.stdout.write("".join(lines))
        sys.stdout.flush()
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line; alerts are."""


def line(urgency: str, alert: dict[str, Any]) -> str:
    """JSON, in ASCII: what people wrote into a ticket cannot act on the terminal that shows this log."""
    told = {"urgency": urgency, "status": alert["status"], **alert["labels"], "summary": alert.get("annotations", {}).get("summary", "")}
    return json.dumps(told) + "\n"


def main() -> None:
    with ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), AlertReceiver) as server:
        sys.stdout.write(f"alerts are taken on port {server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
