// @peculiar/x509 looks for a metadata polyfill when it is imported, and does with one that remembers nothing.
const shim = {
  getMetadata: () => undefined,
  getOwnMetadata: () => undefined,
  defineMetadata: () => undefined,
  hasOwnMetadata: () => false,
  metadata: () => () => undefined,
};
for (const [name, value] of Object.entries(shim)) {
  if (!(name in Reflect)) Object.defineProperty(Reflect, name, { value, configurable: true });
}
