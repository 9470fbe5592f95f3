import { describePairs } from "./describe-pairs.ts";

describePairs("secp521r1");
