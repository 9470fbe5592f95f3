export * from "./index.ts";
export { nodeCompressions } from "./adapters/node/compressions.ts";
export {
  connectionFromSocket,
  openConnection,
  type OpenConnectionOptions,
  type SocketConnectionOptions,
} from "./adapters/node/connect.ts";
export {
  type ConnectionHandler,
  type Listener,
  type ListenerOptions,
  startServer,
} from "./adapters/node/server.ts";
export { nodeTransport, type NodeTransportOptions } from "./adapters/node/socket-transport.ts";
export { systemAnchors } from "./adapters/node/system-anchors.ts";
