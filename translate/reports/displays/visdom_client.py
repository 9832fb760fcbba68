"""visdom's client, but for two things: it does not wait for ever, and it says why it got no answer.

Import it where a display begins: it needs the package visdom.
"""

import logging

import requests
import visdom

from translate.errors import RunError

PATIENCE_S = 10.0

logging.getLogger("visdom").setLevel(logging.ERROR)  # it warns of every session that it opens


class Client(visdom.Visdom):
    """Raises RunError where the server is not there, does not answer, or is another kind of server."""

    def __init__(self, server: str, port: int, env: str):
        # No socket for what people do in the windows: nothing here listens to that.
        super().__init__(server=server, port=port, env=env, use_incoming_socket=False, raise_exceptions=True)

    def has_window(self, window: str) -> bool:
        found = self.win_exists(window)
        if found is None:
            raise RunError(f"{self._place} answers, but not as a visdom server does")
        return found

    def _handle_post(self, url: str, data: str | None = None) -> str:
        try:
            response = self.session.post(url, data=data or {}, timeout=PATIENCE_S)
        except requests.Timeout:
            raise RunError(f"the server at {self._place} does not answer") from None
        except requests.RequestException:
            remedy = f"start one with: python -m visdom.server -port {self.port}"
            raise RunError(f"there is no server at {self._place} ({remedy})") from None
        if not response.ok:
            raise RunError(f"the server at {self._place} refuses ({response.status_code} {response.reason})")
        return response.text

    @property
    def _place(self) -> str:
        return f"{self.server}:{self.port}"
