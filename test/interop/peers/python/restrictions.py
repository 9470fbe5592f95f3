"""Holds an SSLContext to what OPTIONS of the other scripts say."""

import ssl


def restrict(context, options):
    low, high = options.get("versions", ["TLSv1_3", "TLSv1_3"])
    context.minimum_version, context.maximum_version = ssl.TLSVersion[low], ssl.TLSVersion[high]
    if "ciphers" in options:
        context.set_ciphers(options["ciphers"])
    if "curve" in options:
        context.set_ecdh_curve(options["curve"])
    context.options |= options.get("options", 0)
