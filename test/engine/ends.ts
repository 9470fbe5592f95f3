import { ContentType } from "../../src/index.ts";
import type { Scene } from "../support/scripted-peer.ts";

/** Ways in which a connection ends before its time, by what ends it. */
export const ENDS: Readonly<Record<string, (scene: Scene) => void>> = {
  "a message that is refused": (scene) => scene.inject(Uint8Array.of(99, 0, 0, 0)),
  "abort()": ({ engine }) => engine.abort(),
  "an alert of the peer": (scene) => scene.injectRecord(ContentType.alert, Uint8Array.of(2, 40)),
  "the end of the transport": ({ engine }) => engine.receiveEof(),
};
