// The record layer beside the AEAD that it wraps: what framing, nonces, padding and buffers cost.
import { RecordLayer } from "../dist/record/layer.js";
import { nobleCipherSuites } from "../dist/crypto/noble.js";
import { compare } from "./harness.mjs";

const limits = { emptyRecords: 32, changeCipherSpecs: 32 };
const APPLICATION_DATA = 23;

for (const suite of nobleCipherSuites) {
  for (const size of [64, 1350, 16384]) {
    const keys = { key: new Uint8Array(suite.aead.keyLength).fill(7), iv: new Uint8Array(12).fill(9) };
    const content = new Uint8Array(size).fill(0x61);
    const nonce = new Uint8Array(12);
    const header = new Uint8Array(5);
    const inner = new Uint8Array(size + 1);
    const sealed = new Uint8Array(size + 17);
    const sealer = suite.aead.sealer(keys.key);
    const writer = new RecordLayer({ limits });
    writer.protectWrites(suite, keys);
    let reading;
    let writing;
    const renew = () => {
      writing = new RecordLayer({ limits });
      reading = new RecordLayer({ limits });
      writing.protectWrites(suite, keys);
      reading.protectReads(suite, keys);
    };
    renew();
    compare(`${suite.name}, ${size} bytes`, [
      {
        name: "AEAD alone, seal",
        bytes: size,
        run: () => {
          sealer.seal(nonce, header, inner, sealed);
          return sealed[0];
        },
      },
      {
        name: "record layer, write",
        bytes: size,
        run: () => {
          writer.write(APPLICATION_DATA, content);
          return writer.takeOutput().length;
        },
      },
      {
        name: "record layer, write and read",
        bytes: size,
        run: () => {
          writing.write(APPLICATION_DATA, content);
          reading.receive(writing.takeOutput());
          return reading.read().fragment.length;
        },
      },
    ]);
  }
}
