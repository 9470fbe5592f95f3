"""An SMTP-like server that upgrades with StreamWriter.start_tls and echoes what comes through TLS.

usage: starttls_server.py CERTIFICATE KEY OPTIONS    OPTIONS is JSON: versions, ciphers, curve, options, alpn, clientCa, clientMode, keylog
"""

import asyncio
import json
import ssl
import sys

from restrictions import restrict


def context_from(certificate, key, options):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    restrict(context, options)
    context.load_cert_chain(certificate, key)
    if "alpn" in options:
        context.set_alpn_protocols(options["alpn"])
    if "clientCa" in options:
        context.load_verify_locations(options["clientCa"])
        context.verify_mode = ssl.CERT_REQUIRED if options["clientMode"] == "require" else ssl.CERT_OPTIONAL
    if "keylog" in options:
        context.keylog_filename = options["keylog"]
    return context


def report(**facts):
    print(json.dumps(facts), flush=True)


async def serve(reader, writer, context):
    try:
        writer.write(b"220 localhost ESMTP python\r\n")
        while (line := await reader.readline()).strip().upper() != b"STARTTLS":
            if not line:
                return
            writer.write(b"250-localhost\r\n250 STARTTLS\r\n" if line.upper().startswith(b"EHLO") else b"250 noted\r\n")
        writer.write(b"220 go ahead\r\n")
        await writer.drain()
        await writer.start_tls(context)
        tls = writer.get_extra_info("ssl_object")
        report(
            open=tls.version(),
            suite=tls.cipher()[0],
            alpn=tls.selected_alpn_protocol(),
            unique=tls.get_channel_binding("tls-unique").hex(),
            reused=tls.session_reused,
            peer=tls.getpeercert(),
        )
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        report(end="eof")
    except Exception as error:
        report(end=repr(error))
    finally:
        writer.close()


async def main():
    context = context_from(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, context), "127.0.0.1", 0)
    report(port=server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


asyncio.run(main())
