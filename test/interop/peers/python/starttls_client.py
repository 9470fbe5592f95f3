"""An SMTP-like client that upgrades with StreamWriter.start_tls, sends one line, and closes after the answer.

usage: starttls_client.py PORT CA OPTIONS    OPTIONS is JSON: versions, ciphers, options, name, alpn, certificate, key, keylog
"""

import asyncio
import json
import ssl
import sys

from restrictions import restrict


def context_from(ca, options):
    context = ssl.create_default_context(cafile=ca)
    restrict(context, options)
    if "alpn" in options:
        context.set_alpn_protocols(options["alpn"])
    if "certificate" in options:
        context.load_cert_chain(options["certificate"], options["key"])
    if "keylog" in options:
        context.keylog_filename = options["keylog"]
    return context


def report(**facts):
    print(json.dumps(facts), flush=True)


async def reply(reader):
    while True:
        line = await reader.readline()
        if line[3:4] != b"-":
            return line


async def main():
    port, ca, options = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reply(reader)
    for command in (b"EHLO python.test\r\n", b"STARTTLS\r\n"):
        writer.write(command)
        await reply(reader)
    try:
        await writer.start_tls(context_from(ca, options), server_hostname=options.get("name", "localhost"))
        tls = writer.get_extra_info("ssl_object")
        report(
            open=tls.version(),
            suite=tls.cipher()[0],
            alpn=tls.selected_alpn_protocol(),
            unique=tls.get_channel_binding("tls-unique").hex(),
            reused=tls.session_reused,
        )
        writer.write(b"ping from python\n")
        report(received=(await reader.readline()).decode())
        writer.close()
        await writer.wait_closed()
        report(end="closed")
    except Exception as error:
        report(end=repr(error))


asyncio.run(main())
