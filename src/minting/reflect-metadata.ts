/**
 * The decorators in `@peculiar/x509` ask `Reflect` for metadata, which no runtime has: while it is imported it must find a polyfill, and
 * later it never looks again. A program that has none, and needs none for itself, is lent one that remembers nothing, for as long as the
 * import takes: a polyfill that stayed would be taken for a true one by whatever is imported later.
 */
const standIns: Readonly<Record<string, () => unknown>> = {
  getMetadata: () => undefined,
  getOwnMetadata: () => undefined,
  defineMetadata: () => undefined,
  hasOwnMetadata: () => false,
  metadata: () => () => undefined,
};

/** What was not there before. */
const lent = Object.entries(standIns).filter(([name]) => !(name in Reflect));
for (const [name, value] of lent) Object.defineProperty(Reflect, name, { value, configurable: true });

/** Leaves `Reflect` as it was before this module was imported. */
export function takeBackMetadata(): void {
  for (const [name] of lent) Reflect.deleteProperty(Reflect, name);
}
