"""curl on BoringSSL, by curl_cffi: GET /, compressing certificates.    usage: curl_cffi_client.py PORT CA ALGORITHMS"""

import sys
from io import BytesIO

from curl_cffi import Curl, CurlOpt

port, ca, algorithms = sys.argv[1:]
body = BytesIO()
curl = Curl()
# No certificates but the authority's, and no proxy.
curl.setopt(CurlOpt.URL, f"https://localhost:{port}/".encode())
curl.setopt(CurlOpt.RESOLVE, [f"localhost:{port}:127.0.0.1"])
curl.setopt(CurlOpt.PROXY, b"")
curl.setopt(CurlOpt.CAINFO, ca.encode())
curl.setopt(CurlOpt.SSL_CERT_COMPRESSION, algorithms.encode())
curl.setopt(CurlOpt.SSLVERSION, 7)
curl.setopt(CurlOpt.TIMEOUT, 10)
curl.setopt(CurlOpt.WRITEDATA, body)
curl.perform()
print("got", body.getvalue().decode(), flush=True)
