import { describePairs } from "./describe-pairs.ts";

describePairs("secp256r1");
