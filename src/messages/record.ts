import { type Infer, struct, uint8 } from "../wire/codec.ts";

/** RFC 8446 §6. `level` is checked where the alert is dealt with. */
export const Alert = struct({ level: uint8, description: uint8 });
export interface Alert extends Infer<typeof Alert> {}

/** RFC 8446 §6 */
export const AlertLevel = { warning: 1, fatal: 2 } as const;

/** RFC 5246 §7.1: the one value that a ChangeCipherSpec may have. */
export const CHANGE_CIPHER_SPEC = 1;
