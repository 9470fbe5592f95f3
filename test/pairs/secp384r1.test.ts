import { describePairs } from "./describe-pairs.ts";

describePairs("secp384r1");
