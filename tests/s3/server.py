"""Serves S3 on two free ports of this machine, plainly and by TLS, and ends with its standard input.

Prints the ports, and the file with the certificate of the authority that vouches for `localhost`,
which it writes into the directory it is given.

Conditional writes are judged one at a time: moto looks and then writes, and real storage does
both at once.
"""

import datetime
import ssl
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
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


def certificate(name, key, issuer, issuer_key, *, is_authority):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def tls(directory):
    """A context for `localhost`, and the file of the authority behind it."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = certificate("tests", authority_key, None, authority_key, is_authority=True)
    own = certificate("localhost", key, authority, authority_key, is_authority=False)
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    trusted, chain = f"{directory}/authority.pem", f"{directory}/server.pem"
    with open(trusted, "wb") as file:
        file.write(authority.public_bytes(pem))
    with open(chain, "wb") as file:
        file.write(key.private_bytes(pem, *plain) + own.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, trusted


def start(context=None):
    server = make_server(
        "127.0.0.1", 0, serve, threaded=True, request_handler=Quiet, ssl_context=context
    )
    # Tests cut requests short: that is no news.
    server.log = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


context, trusted = tls(sys.argv[1])
print(start(), start(context), trusted, flush=True)
sys.stdin.read()
