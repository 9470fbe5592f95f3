import { type Infer, opaque, struct, uint16 } from "../wire/codec.ts";

/** RFC 9258 §5.1 */
export const ImportedIdentity = struct({
  externalIdentity: opaque(1, 2 ** 16 - 1),
  context: opaque(0, 2 ** 16 - 1),
  targetProtocol: uint16,
  targetKdf: uint16,
});
export interface ImportedIdentity extends Infer<typeof ImportedIdentity> {}
