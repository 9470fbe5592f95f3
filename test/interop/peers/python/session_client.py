"""Connects as often as it is told, each time with the session of the time before, and says one line each time.

usage: session_client.py PORT CA COUNT OPTIONS    OPTIONS is JSON: versions, ciphers, options, certificate, key
"""

import json
import socket
import ssl
import sys

from restrictions import restrict

port, ca, count, options = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
context = ssl.create_default_context(cafile=ca)
restrict(context, options)
if "certificate" in options:
    context.load_cert_chain(options["certificate"], options["key"])
session = None
for _ in range(count):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
            tls.sendall(b"ping from python\n")
            answer = tls.recv(100).decode()
            session = tls.session
            unique = tls.get_channel_binding("tls-unique").hex()
            print(
                json.dumps({
                    "received": answer,
                    "open": tls.version(),
                    "reused": tls.session_reused,
                    "unique": unique,
                    "ticket": session.has_ticket,
                }),
                flush=True,
            )
            tls.unwrap()
