import { describePairs } from "./describe-pairs.ts";

describePairs("x25519");
