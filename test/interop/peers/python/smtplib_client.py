"""Python's smtplib: EHLO, STARTTLS, EHLO again, QUIT.    usage: smtplib_client.py PORT CA"""

import smtplib
import ssl
import sys

with smtplib.SMTP("localhost", int(sys.argv[1]), timeout=10) as client:
    client.starttls(context=ssl.create_default_context(cafile=sys.argv[2]))
    print(client.ehlo(), client.sock.version(), flush=True)
