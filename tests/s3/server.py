"""Serves S3 on a free port of this machine, prints the port, and ends with its standard input.

Conditional writes are judged one at a time: moto looks and then writes, and real storage does
both at once.
"""

import sys
import threading

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

one_at_a_time = threading.Lock()
moto = DomainDispatcherApplication(create_backend_app)


def serve(environ, start_response):
    if "HTTP_IF_NONE_MATCH" not in environ:
        return moto(environ, start_response)
    with one_at_a_time:
        return list(moto(environ, start_response))


class Quiet(MotoRequestHandler):
    def log(self, *_):
        pass


server = make_server("127.0.0.1", 0, serve, threaded=True, request_handler=Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
# Tests cut requests short: that is no news.
server.log = lambda *_: None
print(server.server_address[1], flush=True)
sys.stdin.read()
