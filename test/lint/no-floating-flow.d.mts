/** Names of all functions in src/handshake that return a `Flow`. */
export declare const FLOWS: readonly string[];
