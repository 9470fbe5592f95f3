"""Authentication of a client behind the handshake. Our end echoes each line that it gets, as CPython only takes requests while it reads.

usage: post_handshake_auth.py server CHAIN KEY CA     a line "ask" makes it ask, "who" makes it answer with the name of the client
       post_handshake_auth.py client CHAIN KEY CA PORT OFFER    OFFER is "offer" or "none"; CHAIN may be empty
"""

import json
import socket
import ssl
import sys

role, chain, key, ca = sys.argv[1:5]


def report(**facts):
    print(json.dumps(facts), flush=True)


def name_of(certificate):
    names = [value for group in (certificate or {}).get("subject", ()) for kind, value in group if kind == "commonName"]
    return names[0] if names else None


def serve():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(chain, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.post_handshake_auth = True
    listener = socket.create_server(("127.0.0.1", 0))
    report(port=listener.getsockname()[1])
    plain, _ = listener.accept()
    with context.wrap_socket(plain, server_side=True) as tls:
        report(open=tls.version(), reused=tls.session_reused, peer=name_of(tls.getpeercert()))
        for line in tls.makefile("rb"):
            if line == b"ask\n":
                tls.verify_client_post_handshake()
                tls.sendall(b"asked\n")
            elif line == b"who\n":
                tls.sendall(f"{name_of(tls.getpeercert())}\n".encode())
            else:
                tls.sendall(line)
        tls.unwrap()
        report(end="eof")


def call():
    port, offer = int(sys.argv[5]), sys.argv[6]
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.post_handshake_auth = offer == "offer"
    if chain:
        context.load_cert_chain(chain, key)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            report(open=tls.version())
            for line in tls.makefile("rb"):
                tls.sendall(line)
            report(end="eof")


try:
    serve() if role == "server" else call()
except Exception as error:
    report(end=repr(error))
